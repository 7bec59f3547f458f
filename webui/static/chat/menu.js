// The chat's menu: what the features put there, opened by one button and driven by the arrow keys.

import { element, icon } from "./dom.js";

export function createMenu({ find, items, signal }) {
  const button = find("menu-button");
  const menu = find("menu");
  if (!button || !menu) return;
  menu.setAttribute("role", "menu");
  button.setAttribute("aria-haspopup", "menu");
  button.hidden = !items().length;
  set(false);
  button.addEventListener("click", () => set(menu.hidden, true), { signal });
  menu.addEventListener("keydown", onKey, { signal });
  menu.addEventListener("focusout", (event) => menu.contains(event.relatedTarget) || set(false), { signal });

  function set(isOpen, isByHand = false) {
    if (isOpen) menu.replaceChildren(...items().filter((item) => !item.isHidden?.()).map(row));
    menu.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen && isByHand) menu.firstElementChild?.focus();
  }

  function row({ label, icon: name, onSelect }) {
    const node = element("button", "menu-item", name ? icon(name) : null, label);
    node.type = "button";
    node.setAttribute("role", "menuitem");
    node.addEventListener("click", () => {
      set(false);
      button.focus();
      onSelect();
    });
    return node;
  }

  function onKey(event) {
    const rows = [...menu.children];
    const at = rows.indexOf(event.target);
    const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (event.key === "Escape") {
      event.stopPropagation();
      set(false);
      button.focus();
    } else if (next !== undefined) {
      event.preventDefault();
      rows.at(next % rows.length)?.focus();
    }
  }
}
