// The opened conversation: new messages, sentiments and running replies come in live; reviews are saved in place.
import { Composer } from "./composer.js";
import { saveMark } from "./mark.js";
import { elements, partial, post, soon } from "./partials.js";

const FACTS_WAIT_MS = 400;
const NEAR_END_PX = 80;
const TRANSLATION_LOOKS_MS = [1500, 3000, 6000, 12000, 24000]; // should the event be lost

export class Transcript {
  #queue = Promise.resolve();
  #attempts = new Map(); // reply id -> highest attempt seen
  #finished = new Set();
  #listeners = new AbortController();
  #seenSeq = 0;

  constructor(id) {
    this.id = id;
    this.url = `/desk/conversations/${id}/`;
    this.composer = new Composer(id);
    this.box = document.getElementById("messages");
    this.scroller = document.getElementById("message-scroll");
    this.pill = document.getElementById("new-messages");
    this.refreshFacts = soon(() => this.#refreshFacts(), FACTS_WAIT_MS);
    this.isAtNewest = !this.scroller.querySelector(":scope > .more");
    this.box.addEventListener("submit", (event) => saveMark(event));
    this.box.addEventListener("click", (event) => this.#click(event));
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.pill.addEventListener("click", () => this.#scrollToEnd());
    if (location.hash.startsWith("#reply-")) document.querySelector(location.hash)?.scrollIntoView({ block: "center" });
    else this.#scrollToEnd();
    const { signal } = this.#listeners;
    document.addEventListener("desk:message", (event) => this.#place(event.detail.elements), { signal });
    document.addEventListener("desk:hands", () => { this.#seenSeq = 0; this.#markSeen(); }, { signal });
    document.addEventListener("visibilitychange", () => this.#markSeen(), { signal });
    this.#markSeen();
  }

  close() {
    this.composer.close();
    this.#listeners.abort();
  }

  handle({ type, data }) {
    this.composer.handle({ type, data });
    if (type === "notes.changed") this.#replace(Math.max(data.after_seq, 1));
    else if (type === "assist.ready") this.#help(data);
    if (!this.isAtNewest) return;
    if (type === "message.saved") this.catchUp();
    else if (type === "reply.finished") this.#finish(data);
    else if (type === "reply.started" || type === "reply.delta") this.#run(data);
    else if (type === "reply.cancelled") this.#cancel(data);
    else if (type === "message.analysed") this.#replace(data.seq);
  }

  // One request at a time: the next one asks from the last message that the one before brought.
  catchUp() {
    this.#queue = this.#queue.then(() => this.#fetchNew()).catch(() => {});
    return this.#queue;
  }

  async #fetchNew() {
    if (!this.isAtNewest) return;
    const found = elements(await partial(`${this.box.dataset.url}?after=${this.#lastSeq()}`));
    this.#keepEnd(() => {
      for (const running of this.box.querySelectorAll(".is-running"))
        if (found.some((message) => message.dataset.reply === running.dataset.runningReply)) running.remove();
      const firstRunning = this.box.querySelector(".is-running");
      for (const message of found) this.box.insertBefore(message, firstRunning);
    });
    const last = found.findLast((message) => message.matches(".message-customer"));
    if (last) document.getElementById("announcer").textContent = last.innerText;
    this.#markSeen();
  }

  // The customer sees that a person has read it, and colleagues that their mention was seen.
  #markSeen() {
    if (document.hidden || !this.isAtNewest || !this.#isNearEnd()) return;
    const seq = this.#lastSeq();
    if (seq <= this.#seenSeq) return;
    this.#seenSeq = seq;
    post(`${this.url}seen/`, { seq }).catch(() => { this.#seenSeq = 0; });
  }

  #lastSeq() {
    return Math.max(0, ...[...this.box.querySelectorAll("[data-seq]")].map((message) => Number(message.dataset.seq)));
  }

  #scrolled() {
    if (!this.#isNearEnd()) return;
    this.pill.hidden = true;
    this.#markSeen();
  }

  #help({ kind, row_id }) {
    if (kind === "summary" || kind === "facts") this.refreshFacts();
    if (kind === "translation" && this.box.querySelector(`[data-translation="${row_id}"]`))
      partial(`${this.url}translations/${row_id}/`).then((html) => this.#place(elements(html))).catch(() => {});
  }

  async #translate(seq) {
    const message = this.box.querySelector(`[data-seq="${seq}"]`);
    try {
      this.#place(elements(await post(`${this.url}translations/`, { seq })));
    } catch {
      message.querySelector(".translate").textContent = this.composer.texts.noHelp;
      return;
    }
    for (const wait_ms of TRANSLATION_LOOKS_MS) {
      if (!this.box.querySelector(`[data-seq="${seq}"] [data-status="pending"]`)) return;
      await new Promise((resolve) => { setTimeout(resolve, wait_ms); });
      if (this.#listeners.signal.aborted) return;
      await this.#replace(seq).catch(() => {});
    }
  }

  async #changeNote(note, fields) {
    const { hands } = this.composer;
    try {
      this.#place(elements(await post(note.dataset.url, fields)));
      if (fields.do === "delete")
        hands.toast(this.composer.texts.noteDeleted, () => this.#changeNote(note, { do: "restore" }));
    } catch (error) {
      hands.complain(hands.reason(error));
    }
  }

  #finish(data) {
    this.#finished.add(data.reply_id);
    this.catchUp().then(() => this.#running(data.reply_id)?.remove());
  }

  #cancel(data) {
    this.#finished.add(data.reply_id);
    this.#running(data.reply_id)?.remove();
  }

  // Whatever belongs to an older attempt, or comes after the end, is dropped.
  #run({ reply_id, attempt, text = "" }) {
    const newest = this.#attempts.get(reply_id) ?? 0;
    if (attempt < newest || this.#finished.has(reply_id) || this.box.querySelector(`[data-reply="${reply_id}"]`)) return;
    this.#attempts.set(reply_id, attempt);
    this.#keepEnd(() => {
      const running = this.#running(reply_id) ?? this.#startRunning(reply_id);
      running.querySelector(".message-text").textContent = text;
    });
  }

  #startRunning(reply_id) {
    const running = document.getElementById("running-reply").content.firstElementChild.cloneNode(true);
    running.dataset.runningReply = reply_id;
    this.box.append(running);
    return running;
  }

  #running(reply_id) {
    return this.box.querySelector(`[data-running-reply="${reply_id}"]`);
  }

  async #replace(seq) {
    if (!this.box.querySelector(`[data-seq="${seq}"]`)) return;
    this.#place(elements(await partial(`${this.box.dataset.url}?at=${seq}`)));
  }

  // Messages that are here already, as they are now. What the reader opened in them stays open.
  #place(messages) {
    this.#keepEnd(() => {
      for (const message of messages) {
        const old = this.box.querySelector(`[data-seq="${message.dataset.seq}"]`);
        for (const opened of old?.querySelectorAll("details[open]") ?? []) {
          const again = message.querySelector(`details.${opened.className}`);
          if (again) again.open = true;
        }
        old?.replaceWith(message);
      }
    });
  }

  #click(event) {
    const note = event.target.closest(".note");
    if (event.target.closest("[data-note-edit]")) this.composer.edit(note);
    else if (event.target.closest("[data-note-delete]")) this.#changeNote(note, { do: "delete" });
    else if (event.target.closest("[data-translate]")) this.#translate(event.target.closest("[data-seq]").dataset.seq);
    else this.#showEarlier(event);
  }

  async #refreshFacts() {
    const html = await partial(`${this.url}context/`);
    if (document.getElementById("desk").dataset.conversation !== this.id) return;
    const facts = document.getElementById("facts");
    const isTableOpen = facts.querySelector(".chart-table")?.open ?? false;
    const top = facts.querySelector(".scroll")?.scrollTop ?? 0;
    facts.replaceChildren(...elements(html));
    const table = facts.querySelector(".chart-table");
    if (table) table.open = isTableOpen;
    facts.querySelector(".scroll").scrollTop = top;
    const marks = document.getElementById("opened-marks-now").content.cloneNode(true);
    document.getElementById("opened-marks").replaceChildren(marks);
  }

  async #showEarlier(event) {
    const more = event.target.closest("[data-before]");
    if (!more || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    const height = this.scroller.scrollHeight;
    more.replaceWith(...elements(await partial(`${this.box.dataset.url}?before=${more.dataset.before}`)));
    this.scroller.scrollTop += this.scroller.scrollHeight - height; // what was read stays where it was
  }

  moveReply(step) {
    const replies = [...this.box.querySelectorAll("[data-reply]")];
    const here = replies.indexOf(this.focusedReply());
    const next = replies[here < 0 ? replies.length - 1 : Math.min(Math.max(here + step, 0), replies.length - 1)];
    next?.focus({ preventScroll: true });
    next?.scrollIntoView({ block: "nearest" });
  }

  focusedReply() {
    return document.activeElement?.closest?.("[data-reply]") ?? null;
  }

  judge(verdict) {
    const reply = this.focusedReply();
    if (reply) reply.querySelector(`.turn-mark [name=verdict][value="${verdict}"]`).click();
    else this.moveReply(1);
  }

  // What is wrong with the focused reply: its verdicts are opened, or the box for a better answer.
  doubt({ isWriting = false } = {}) {
    const more = this.focusedReply()?.querySelector(".mark-more");
    if (!more) { this.moveReply(1); return; }
    more.open = true;
    more.querySelector(isWriting ? "textarea" : ".verdicts button").focus();
  }

  // The newest message stays in view unless the reader scrolled up; then the pill says that there is more.
  #keepEnd(change) {
    const wasNearEnd = this.#isNearEnd();
    const num_before = this.box.children.length;
    change();
    if (wasNearEnd) this.#scrollToEnd();
    else if (this.box.children.length > num_before) this.pill.hidden = false;
  }

  #isNearEnd() {
    return this.scroller.scrollHeight - this.scroller.scrollTop - this.scroller.clientHeight < NEAR_END_PX;
  }

  #scrollToEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.pill.hidden = true;
  }
}
