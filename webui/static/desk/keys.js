// The desk's keys. They rest while somebody types or a dialog is open. What others do, they hear as events of the document.

const EVENTS = { t: "desk:take-over", r: "desk:reply", e: "desk:close", i: "desk:note", s: "desk:suggest" };

export function installKeys(list, transcript, openMenu) {
  const dialog = document.getElementById("keys");
  const button = document.getElementById("show-keys");
  const actions = {
    j: () => list.move(1),
    k: () => list.move(-1),
    u: () => list.applyChanges(),
    "/": () => document.getElementById("search").select(),
    ".": () => openMenu(list.focusedId() ?? list.opened),
    n: () => transcript()?.moveReply?.(1),
    p: () => transcript()?.moveReply?.(-1),
    g: () => transcript()?.judge?.("right"),
    b: () => transcript()?.doubt?.(),
    w: () => transcript()?.doubt?.({ isWriting: true }),
    "?": () => dialog.showModal(),
  };
  for (const [key, name] of Object.entries(EVENTS))
    actions[key] = () => document.dispatchEvent(new CustomEvent(name, { detail: { conversation: list.opened } }));
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (isTyping || document.querySelector("dialog[open]") || event.metaKey || event.ctrlKey || event.altKey) return;
    if (event.defaultPrevented || !Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.id === "search") event.target.blur();
  });
}
