// The desk's keys. They rest while somebody types or a dialog is open.

export function installKeys(list, transcript) {
  const dialog = document.getElementById("keys");
  const button = document.getElementById("show-keys");
  const actions = {
    j: () => list.move(1),
    k: () => list.move(-1),
    n: () => transcript()?.moveReply(1),
    p: () => transcript()?.moveReply(-1),
    g: () => transcript()?.judge("good"),
    b: () => transcript()?.judge("bad"),
    w: () => transcript()?.writeBetter(),
    "?": () => dialog.showModal(),
  };
  button.hidden = false;
  button.addEventListener("click", () => dialog.showModal());
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, [contenteditable]");
    if (isTyping || dialog.open || event.metaKey || event.ctrlKey || event.altKey || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}
