// Starts the chat on our own pages: alone, or as a panel over the company's page with its launcher.

import { mountChat } from "./chat.js";
import { createPanel } from "./panel.js";

const root = document.querySelector("[data-chat]");
const options = JSON.parse(document.getElementById("chat-options").textContent);
const launcher = document.querySelector("[data-launcher]");
const chat = mountChat(root, options);

if (launcher) {
  const panel = createPanel({
    panel: root,
    launcher,
    closer: root.querySelector("[data-closer]"),
    page: document.querySelector("[data-page]"),
    strings: options.strings,
    onOpen: () => {
      chat.open();
      chat.focus();
    },
  });
  chat.on("unread", panel.markUnread);
} else chat.focus();
