// What stands under a finished answer: a note, the options of a clarifying question, and where the answer comes from.

let numDisclosures = 0;

export function messageExtras(message, { strings, onAsk }) {
  const extras = [];
  if (message.options.length) extras.push(optionList(message.options, onAsk));
  if (message.sources.length) extras.push(sourceList(message.sources, strings));
  const note = noteOf(message, strings);
  if (note) extras.push(noteLine(note));
  return extras;
}

export function icon(name, className = "icon") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

function noteOf(message, strings) {
  if (message.degraded) return strings.noteDegraded;
  return message.action === "handoff" ? strings.noteHandoff : "";
}

function noteLine(text) {
  const note = element("p", "message-note");
  note.append(icon("person", "icon icon-small"), text);
  return note;
}

function optionList(options, onAsk) {
  const list = element("ul", "message-options");
  for (const option of options) {
    const button = element("button", "option");
    button.type = "button";
    button.textContent = option.question;
    button.addEventListener("click", () => onAsk(option.question));
    list.append(item(button));
  }
  return list;
}

function sourceList(sources, strings) {
  const list = element("ul", "message-sources");
  list.setAttribute("aria-label", strings.source);
  list.append(...sources.map((source) => item(...sourceDisclosure(source, strings))));
  return list;
}

function sourceDisclosure(source, strings) {
  const panel = element("p", "source-text");
  panel.id = `source-${++numDisclosures}`;
  panel.textContent = source.text;
  panel.hidden = true;
  const button = element("button", "source");
  button.type = "button";
  const label = element("span", "source-label");
  label.textContent = source.question;
  button.append(icon("source", "icon icon-small"), label, icon("chevron", "icon icon-small source-chevron"));
  button.setAttribute("aria-controls", panel.id);
  const setOpen = (isOpen) => {
    panel.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    button.title = (isOpen ? strings.sourceClose : strings.sourceOpen).replace("{question}", source.question);
  };
  button.addEventListener("click", () => setOpen(panel.hidden));
  setOpen(false);
  return [button, panel];
}

function item(...children) {
  const node = document.createElement("li");
  node.append(...children);
  return node;
}

function element(tag, className) {
  const node = document.createElement(tag);
  node.className = className;
  return node;
}
