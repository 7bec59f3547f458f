// The customer's conversations: a list with the last words of each, and the way to a new one.

import { element } from "./dom.js";
import { dayLabel, timeLabel } from "./times.js";

export function createConversations({ find, strings, locale, onWish, onOpen, onStart }) {
  const button = find("conversations-button");
  const pane = find("conversations");
  const list = find("conversations-list");
  if (!button || !pane || !list) return { render() {} };
  button.addEventListener("click", () => set(pane.hidden));
  find("conversations-back")?.addEventListener("click", () => set(false));
  find("conversations-new")?.addEventListener("click", () => {
    onStart();
    set(false);
  });
  pane.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    set(false);
  });

  function set(isOpen) {
    pane.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    if (isOpen) {
      onWish();
      pane.querySelector("button")?.focus();
    } else button.focus();
  }

  return {
    render(state) {
      if (pane.hidden || !state.conversations) return;
      list.replaceChildren(...state.conversations.map((one) => element("li", "", row(one, state))));
    },
  };

  function row(one, state) {
    const when = `${dayLabel(one.last_message_at, locale, strings)} ${timeLabel(one.last_message_at, locale)}`;
    const words = element("span", "conversation-words", one.last_text);
    const time = element("time", "conversation-time", when);
    time.dateTime = one.last_message_at;
    const button = element("button", "conversation-row", words, time);
    button.type = "button";
    if (one.id === state.conversationId) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => {
      onOpen(one.id);
      set(false);
    });
    return button;
  }
}
