// Who answers this customer: the line above the reply box, what the agent can do about it, and taking that back.
import { PostError, elements, partial, post } from "./partials.js";

const TOAST_MS = 10000;
const SAID = { "take-over": "tookOver", "hand-back": "handedBack", close: "closed", reopen: "reopened" };

export class Hands {
  #timer;

  constructor({ url, form, texts, complain }) {
    Object.assign(this, { url, form, texts, complain });
    this.isHeld = false; // a take-over was undone: the draft that is in the box doesn't take over again by itself
  }

  close() {
    clearTimeout(this.#timer);
    document.getElementById("toast").hidden = true;
  }

  get element() {
    return document.getElementById("hands");
  }

  get isMine() {
    return this.element.dataset.mine === "true" && this.element.dataset.status === "open";
  }

  // Only what the page offers now: a key does nothing where there is no button.
  offers(name) {
    return Boolean(this.element.querySelector(`[data-act="${name}"]`));
  }

  async act(name) {
    if (!this.offers(name)) return;
    if (name === "take-from" && !confirm(this.texts.askTake)) return;
    const isForced = name === "take-from";
    const isDone = await this.post(isForced ? "take-over" : name, isForced ? { force: "1" } : {});
    if (isDone) this.toast(this.texts[SAID[name] ?? "tookOver"], () => this.#undo(name));
  }

  async refresh() {
    this.#place(await partial(`${this.url}hands/`));
  }

  // True when it was done. Otherwise the reason stands above the box, and the text in it is kept.
  async post(name, fields = {}) {
    try {
      this.#place(await post(`${this.url}${name}/`, fields));
      this.complain("");
      return true;
    } catch (error) {
      this.complain(this.reason(error));
      if (error instanceof PostError) this.refresh().catch(() => {});
      return false;
    }
  }

  reason(error) {
    const text = error instanceof PostError ? this.texts[error.problem.code] : null;
    return (text ?? this.texts.failed).replace("{name}", error.problem?.agent_name ?? "");
  }

  async #undo(name) {
    if (await this.post("undo")) this.isHeld = name !== "hand-back";
  }

  #place(html) {
    const [hands] = elements(html);
    if (!hands || !this.form.isConnected || hands.outerHTML === this.element.outerHTML) return; // a press isn't lost
    const hadFocus = this.element.contains(document.activeElement);
    this.element.replaceWith(hands);
    if (hadFocus) this.form.querySelector("textarea").focus();
    document.dispatchEvent(new CustomEvent("desk:hands"));
  }

  toast(text, undo) {
    const toast = document.getElementById("toast");
    const button = toast.querySelector("button");
    toast.querySelector("p").textContent = text;
    button.textContent = this.texts.undo;
    button.onclick = () => { toast.hidden = true; undo(); };
    toast.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (toast.hidden = true), TOAST_MS);
  }
}
