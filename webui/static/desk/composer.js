// The agent's reply box: messages to the customer that are sent once or said to be kept, and notes for colleagues.
import { newClientId } from "../webui/client_id.js";
import { watchComposition } from "../webui/ime.js";
import { AssistPanel } from "./assist_panel.js";
import { Hands } from "./hands.js";
import { elements, post } from "./partials.js";
import { Picker } from "./picker.js";

const TYPING_FORGOTTEN_MS = 6000;
const TYPING_ENDS_MS = 4000;

export class Composer {
  #listeners = new AbortController();
  #timers = {};
  #isForIme;
  #isTaking = false;
  #isSending = false;
  #unsent = null; // {text, client_id}: the same id again, so that a lost answer can't double a message
  #editing = null; // the address of the note that is being changed

  constructor(id) {
    this.id = id;
    this.url = `/desk/conversations/${id}/`;
    this.form = document.getElementById("reply-box");
    this.box = this.form.querySelector("textarea");
    this.texts = JSON.parse(document.getElementById("reply-texts").textContent);
    this.hands = new Hands({
      url: this.url, form: this.form, texts: this.texts, complain: (text) => this.#complain(text),
    });
    this.panel = new AssistPanel({ url: this.url, form: this.form, onUse: (text) => this.#use(text), texts: this.texts });
    const { signal } = this.#listeners;
    this.#isForIme = watchComposition(this.box, { signal });
    this.picker = new Picker({ form: this.form, box: this.box, isForIme: this.#isForIme, signal });
    this.form.addEventListener("submit", (event) => this.#submit(event), { signal });
    this.form.addEventListener("click", (event) => this.#click(event), { signal });
    this.box.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.box.addEventListener("input", () => this.#input(), { signal });
    for (const radio of this.form.elements.as) radio.addEventListener("change", () => this.#showMode(), { signal });
    for (const act of ["take-over", "close"])
      document.addEventListener(`desk:${act}`, () => this.hands.act(act), { signal });
    document.addEventListener("desk:reply", () => this.#begin("customer"), { signal });
    document.addEventListener("desk:note", () => this.#begin("note"), { signal });
    document.addEventListener("desk:suggest", () => this.panel.suggest(), { signal });
    this.#loadDraft();
    this.form.querySelector(".modes").hidden = this.form.querySelector(".tools").hidden = false;
  }

  close() {
    this.#listeners.abort();
    Object.values(this.#timers).forEach(clearTimeout);
    this.#sayTyping(false);
    this.hands.close();
    this.panel.close();
  }

  handle({ type, data }) {
    if (type === "conversation.state") this.hands.refresh().catch(() => {}); // the next one brings it
    if (type === "chat.typing" && data.author === "customer") this.#showTyping(data.is_typing);
    if (type === "assist.ready") this.panel.handle(data);
    if (type === "message.saved" && data.message.author === "customer") {
      this.#showTyping(false);
      this.panel.forget(); // a suggestion for an earlier message helps nobody
    }
  }

  // A note goes back into the box to be changed.
  edit(note) {
    this.#editing = note.dataset.url;
    this.#setMode("note");
    this.box.value = note.querySelector(".note-text").textContent;
    this.box.focus();
    this.#input();
  }

  get isNote() {
    return this.form.elements.as.value === "note";
  }

  #begin(mode) {
    this.#setMode(mode);
    this.box.focus();
  }

  #setMode(mode) {
    this.form.elements.as.value = mode;
    this.#showMode();
  }

  #showMode() {
    if (!this.isNote) this.#editing = null;
    this.form.classList.toggle("is-note", this.isNote);
    const words = this.isNote ? "note" : "reply";
    this.box.placeholder = this.texts[`${words}Placeholder`];
    this.box.setAttribute("aria-label", this.texts[`${words}Label`]);
    this.form.querySelector("[data-send]").textContent = this.texts[`${words}Send`];
    this.#sayTyping(false);
    this.#saveDraft();
  }

  #key(event) {
    if (event.defaultPrevented || event.key !== "Enter" || event.shiftKey || this.#isForIme(event)) return;
    event.preventDefault();
    this.#send();
  }

  #click(event) {
    const tool = event.target.closest("[data-tool]")?.dataset.tool;
    if (tool === "suggest") this.panel.suggest();
    if (tool === "translate") this.panel.translate(this.box.value.trim());
    if (tool === "canned") this.picker.open("/");
  }

  // A human who types wins: the first character takes over from the bot.
  #input() {
    this.#saveDraft();
    if (!this.box.value.trim()) this.hands.isHeld = false;
    if (this.isNote) return;
    this.#sayTyping(true);
    clearTimeout(this.#timers.typing);
    this.#timers.typing = setTimeout(() => this.#sayTyping(false), TYPING_ENDS_MS);
    const takesOver = this.box.value.trim() && !this.hands.isHeld && !this.picker.isOpen;
    if (!takesOver || this.#isTaking || !this.hands.offers("take-over")) return;
    this.#isTaking = true;
    this.hands.act("take-over").finally(() => (this.#isTaking = false));
  }

  // What was suggested or translated stands in the box, to be changed or sent.
  #use(text) {
    this.#setMode("customer");
    this.box.value = text;
    this.#saveDraft();
    this.box.focus();
  }

  #submit(event) {
    event.preventDefault();
    const name = event.submitter?.dataset.act;
    if (name) this.hands.act(name);
    else this.#send();
  }

  async #send() {
    const text = this.box.value.trim();
    if (!text || this.#isSending) return;
    if (this.#unsent?.text !== text) this.#unsent = { text, client_id: newClientId() };
    this.#saveDraft();
    this.#setSending(true);
    const isSent = this.isNote ? await this.#sendNote() : await this.hands.post("say", this.#unsent);
    this.#setSending(false);
    if (!isSent) return;
    this.#unsent = null;
    this.hands.isHeld = false;
    if (this.box.value.trim() === text) this.box.value = "";
    this.#saveDraft();
    this.#sayTyping(false);
    this.panel.forget();
    this.box.focus();
  }

  async #sendNote() {
    try {
      const html = await post(this.#editing ?? `${this.url}notes/`, this.#unsent);
      document.dispatchEvent(new CustomEvent("desk:message", { detail: { elements: elements(html) } }));
    } catch (error) {
      this.#complain(this.hands.reason(error));
      return false;
    }
    this.#editing = null;
    this.#complain("");
    this.#setMode("customer");
    return true;
  }

  #setSending(isSending) {
    this.#isSending = isSending;
    this.form.classList.toggle("is-sending", isSending);
    this.form.querySelector("[data-send]").setAttribute("aria-disabled", String(isSending));
  }

  get #draftKey() {
    return `kefu.desk.draft.${this.id}`;
  }

  #saveDraft() {
    const draft = { text: this.box.value, isNote: this.isNote, unsent: this.#unsent };
    if (draft.text || draft.unsent) localStorage.setItem(this.#draftKey, JSON.stringify(draft));
    else localStorage.removeItem(this.#draftKey);
  }

  #loadDraft() {
    const draft = JSON.parse(localStorage.getItem(this.#draftKey) ?? "null");
    this.box.value = draft?.text ?? "";
    this.#unsent = draft?.unsent ?? null;
    this.#setMode(draft?.isNote ? "note" : "customer");
  }

  #complain(text) {
    const problem = document.getElementById("reply-problem");
    problem.textContent = text;
    problem.hidden = !text;
  }

  #sayTyping(isTyping) {
    if (isTyping && !this.hands.isMine) return;
    document.dispatchEvent(new CustomEvent("desk:typing", { detail: { conversation: this.id, isTyping }, cancelable: true }));
  }

  #showTyping(isTyping) {
    document.getElementById("customer-typing").hidden = !isTyping;
    clearTimeout(this.#timers.customer);
    if (isTyping) this.#timers.customer = setTimeout(() => this.#showTyping(false), TYPING_FORGOTTEN_MS);
  }
}
