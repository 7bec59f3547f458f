// What a system message says, in the reader's language: the server sends its kind and the agent's name.

export function systemText({ kind, text, agent_name }, strings) {
  const words = strings.system?.[kind];
  return words ? words.replace("{name}", () => agent_name || strings.agent) : text;
}
