// The agent's reply box: who answers, taking over and handing back, and messages that are sent once or said to be kept.
import { newClientId } from "../webui/client_id.js";
import { watchComposition } from "../webui/ime.js";
import { partial, elements } from "./partials.js";

const TYPING_FORGOTTEN_MS = 6000;
const TYPING_ENDS_MS = 4000;
const TOAST_MS = 8000;
const OPPOSITES = { "take-over": "hand-back", "hand-back": "take-over", close: "reopen", reopen: "close" };
const SAID = { "take-over": "tookOver", "hand-back": "handedBack", close: "closed", reopen: "reopened" };

export class Composer {
  #listeners = new AbortController();
  #timers = {};
  #isForIme;
  #isTaking = false;
  #unsent = null; // {text, client_id}: the same id again, so that a lost answer can't double a message

  constructor(id) {
    this.id = id;
    this.form = document.getElementById("reply-box");
    this.box = this.form.querySelector("textarea");
    this.texts = JSON.parse(document.getElementById("reply-texts").textContent);
    this.draftKey = `kefu.desk.draft.${id}`;
    this.box.value = localStorage.getItem(this.draftKey) ?? "";
    const { signal } = this.#listeners;
    this.form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.#isForIme = watchComposition(this.box, { signal });
    this.box.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.box.addEventListener("input", () => this.#input(), { signal });
    document.addEventListener("desk:take-over", () => this.act("take-over"), { signal });
    document.addEventListener("desk:close", () => this.act("close"), { signal });
    document.addEventListener("desk:reply", () => this.box.focus(), { signal });
  }

  close() {
    this.#listeners.abort();
    Object.values(this.#timers).forEach(clearTimeout);
    this.#sayTyping(false);
  }

  handle({ type, data }) {
    if (type === "conversation.state") this.refresh();
    if (type === "chat.typing" && data.author === "customer") this.#showTyping(data.is_typing);
    if (type === "message.saved" && data.message.author === "customer") this.#showTyping(false);
  }

  async refresh() {
    this.#place(await partial(this.#url("hands")));
  }

  get #hands() {
    return document.getElementById("hands");
  }

  get #isMine() {
    return this.#hands.dataset.mine === "true" && this.#hands.dataset.status === "open";
  }

  // Only what the page offers now: a key does nothing where there is no button.
  async act(name, { isUndo = false } = {}) {
    const button = this.#hands.querySelector(`[data-act="${name}"]`);
    if (!button) return;
    if (name === "take-from" && !confirm(this.texts.askTake)) return;
    const isDone = await this.#post(name === "take-from" ? "take-over" : name, name === "take-from" ? { force: "1" } : {});
    if (isDone && !isUndo && SAID[name]) this.#toast(this.texts[SAID[name]], () => this.act(OPPOSITES[name], { isUndo: true }));
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || this.#isForIme(event)) return;
    event.preventDefault();
    this.#send();
  }

  // A human who types wins: the first character takes over from the bot.
  #input() {
    localStorage.setItem(this.draftKey, this.box.value);
    this.#sayTyping(true);
    clearTimeout(this.#timers.typing);
    this.#timers.typing = setTimeout(() => this.#sayTyping(false), TYPING_ENDS_MS);
    if (!this.box.value.trim() || this.#isTaking || !this.#hands.querySelector('[data-act="take-over"]')) return;
    this.#isTaking = true;
    this.act("take-over").finally(() => (this.#isTaking = false));
  }

  #submit(event) {
    event.preventDefault();
    const name = event.submitter?.dataset.act;
    if (name) this.act(name);
    else this.#send();
  }

  async #send() {
    const text = this.box.value.trim();
    if (!text) return;
    if (this.#unsent?.text !== text) this.#unsent = { text, client_id: newClientId() };
    if (!(await this.#post("say", this.#unsent))) return;
    this.#unsent = null;
    if (this.box.value.trim() === text) this.box.value = "";
    localStorage.setItem(this.draftKey, this.box.value);
    this.#sayTyping(false);
    this.box.focus();
  }

  // True when it was done. Otherwise the reason stands above the box, and the text in it is kept.
  async #post(name, fields = {}) {
    const body = new URLSearchParams({ csrfmiddlewaretoken: this.form.csrfmiddlewaretoken.value, ...fields });
    try {
      const response = await fetch(this.#url(name), { method: "POST", body, headers: { "X-Partial": "1" } });
      if (response.redirected) location.assign(response.url); // logged out
      if (response.status === 409 || response.status === 400) {
        const problem = await response.json();
        this.#complain(problem.code === "taken" ? this.texts.taken.replace("{name}", problem.agent_name) : this.texts.tooLong);
        this.refresh();
        return false;
      }
      if (!response.ok) throw new Error(response.status);
      this.#place(await response.text());
      this.#complain("");
      return true;
    } catch {
      this.#complain(this.texts.failed);
      return false;
    }
  }

  #place(html) {
    const [hands] = elements(html);
    if (!hands || !this.form.isConnected) return;
    const hadFocus = this.#hands.contains(document.activeElement);
    this.#hands.replaceWith(hands);
    if (hadFocus) this.box.focus();
  }

  #complain(text) {
    const problem = document.getElementById("reply-problem");
    problem.textContent = text;
    problem.hidden = !text;
  }

  #sayTyping(isTyping) {
    if (isTyping && !this.#isMine) return;
    document.dispatchEvent(new CustomEvent("desk:typing", { detail: { conversation: this.id, isTyping }, cancelable: true }));
  }

  #showTyping(isTyping) {
    document.getElementById("customer-typing").hidden = !isTyping;
    clearTimeout(this.#timers.customer);
    if (isTyping) this.#timers.customer = setTimeout(() => this.#showTyping(false), TYPING_FORGOTTEN_MS);
  }

  #toast(text, undo) {
    const toast = document.getElementById("toast");
    const button = toast.querySelector("button");
    toast.querySelector("p").textContent = text;
    button.textContent = this.texts.undo;
    button.onclick = () => { toast.hidden = true; undo(); };
    toast.hidden = false;
    clearTimeout(this.#timers.toast);
    this.#timers.toast = setTimeout(() => (toast.hidden = true), TOAST_MS);
  }

  #url(name) {
    return `/desk/conversations/${this.id}/${name}/`;
  }
}
