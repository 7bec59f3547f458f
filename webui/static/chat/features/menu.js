// What the menu offers: a new conversation, the transcript, the other language, my data, forget me, the end.

import { element } from "../dom.js";
import { plainButton, send } from "./answers.js";

export function install(chat) {
  const { strings } = chat;
  const path = (rest) => `conversations/${chat.client.conversationId()}/${rest}`;
  const query = () => `?language=${chat.options.language}`;
  const isEmpty = () => !chat.state().messages.length;

  return {
    menuItems: () => [
      { label: strings.menuNew, icon: "edit", onSelect: () => chat.client.send({ type: "conversation.start" }), isHidden: isEmpty },
      { label: strings.menuEnd, icon: "check", onSelect: () => run(path("end/"), {}), isHidden: () => isEmpty() || chat.state().conversation?.status === "closed" },
      { label: strings.menuDownload, icon: "download", onSelect: () => save(path(`transcript.html${query()}`), "chat.html"), isHidden: isEmpty },
      { label: strings.menuEmail, icon: "mail", onSelect: askAddress, isHidden: () => isEmpty() || !chat.offers?.email },
      { label: strings.menuLanguage, icon: "language", onSelect: () => chat.setLanguage?.(chat.options.language === "en" ? "zh-hans" : "en"), isHidden: () => !chat.setLanguage },
      { label: strings.menuData, icon: "download", onSelect: () => save(`my-data/${query()}`, "my-data.zip") },
      { label: strings.menuForget, icon: "trash", onSelect: askForget },
    ],
  };

  async function run(address, body) {
    if (!(await send(chat, address, body))) chat.announce(strings.notKept);
  }

  async function save(address, name) {
    try {
      const response = await chat.api(address);
      if (!response.ok) throw new Error(String(response.status));
      const url = URL.createObjectURL(await response.blob());
      const link = element("a");
      Object.assign(link, { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      chat.announce(strings.downloaded);
    } catch {
      chat.announce(strings.notKept);
    }
  }

  // One dialog of the page's own kind; focus goes in, and back when it closes.
  function dialog(title, text, ...parts) {
    const heading = element("h3", "", title);
    heading.id = `kefu-dialog-${Math.random().toString(36).slice(2, 8)}`;
    const status = element("p", "field-error");
    status.setAttribute("role", "alert");
    const actions = element("div", "form-actions");
    const node = element("dialog", "chat-dialog", heading, element("p", "muted", text), ...parts, status, actions);
    node.setAttribute("aria-labelledby", heading.id);
    node.addEventListener("close", () => {
      node.remove();
      chat.composer.focus();
    });
    node.addEventListener("keydown", (event) => {
      if (event.key === "Escape") event.stopPropagation();
      if (event.key !== "Enter" || event.isComposing || !event.target.matches("input")) return;
      event.preventDefault();
      actions.querySelector("button").click();
    });
    chat.root.append(node);
    const close = plainButton("button button-quiet", strings.cancel, () => node.close());
    return { node, status, actions, close };
  }

  function askForget() {
    const { node, status, actions, close } = dialog(strings.forgetTitle, strings.forgetText);
    actions.append(plainButton("button button-danger", strings.forgetSure, async () => {
      if (!(await send(chat, "forget/", { is_sure: true }))) return (status.textContent = strings.notKept);
      forgetStorage();
      return location.reload();
    }), close);
    node.showModal();
    close.focus(); // what can't be undone is not under the first Enter
  }

  function forgetStorage() {
    for (const storage of [sessionStorage, localStorage]) {
      const key = chat.options.storageKey;
      Object.keys(storage).filter((name) => name.startsWith(key)).forEach((name) => storage.removeItem(name));
    }
  }

  function askAddress() {
    const input = field("email", strings.field_email, "email");
    const { node, status, actions, close } = dialog(strings.menuEmail, strings.emailText, input.label);
    const button = plainButton("button button-primary", strings.emailCode, async () => {
      const answer = await ask(path(`email/${query()}`), { email: input.box.value }, status);
      if (answer) askCode(node, answer.request);
    });
    actions.append(button, close);
    node.showModal();
    input.box.focus();
  }

  function askCode(previous, request) {
    previous.close();
    const input = field("code", strings.emailCodeField, "text");
    input.box.inputMode = "numeric";
    input.box.autocomplete = "one-time-code";
    const { node, status, actions, close } = dialog(strings.menuEmail, strings.emailSent, input.label);
    actions.append(plainButton("button button-primary", strings.emailSend, async () => {
      if (!(await ask(`email/${request}/`, { code: input.box.value }, status))) return;
      node.close();
      chat.announce(strings.emailOnItsWay);
    }), close);
    node.showModal();
    input.box.focus();
  }

  function field(name, text, type) {
    const box = element("input", "input");
    Object.assign(box, { name, type });
    return { box, label: element("label", "field", element("span", "label", text), box) };
  }

  async function ask(address, body, status) {
    try {
      const response = await chat.api(address, { method: "POST", body });
      const content = await response.json();
      if (response.ok) return content;
      status.textContent = strings[`email_${content.code}`] ?? strings.notKept;
    } catch {
      status.textContent = strings.notKept;
    }
    return null;
  }
}
