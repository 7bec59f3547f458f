// The list: rows refresh in place and move by themselves, but never under the pointer or the focus: what would move
// is held back, counted, and brought in when the hand is off the list.
import { elements, partial, soon } from "./partials.js";
import { texts } from "./texts.js";
import { tickWaits } from "./waits.js";

const REFRESH_WAIT_MS = 150;
const TABS_WAIT_MS = 600;
const RELEASE_WAIT_MS = 700;
const FULL_REFRESH_MS = 60_000; // what wakes or falls due by itself

export class ConversationList {
  #changed = new Set();
  #held = new Map(); // id -> a row to put in its place, or null to take it away
  #isUnderPointer = false;

  constructor(open, paint) {
    this.open = open;
    this.paint = paint;
    this.#refreshRowsSoon = soon(() => this.#refreshRows(), REFRESH_WAIT_MS);
    this.#refreshTabsSoon = soon(() => this.#refreshTabs(), TABS_WAIT_MS);
    this.#releaseSoon = soon(() => { if (!this.#isHeld()) this.applyChanges(); }, RELEASE_WAIT_MS);
    this.adopt(document.getElementById("list-pane"));
    setInterval(() => { if (!document.hidden) this.refreshAll(); }, FULL_REFRESH_MS);
  }

  #refreshRowsSoon;
  #refreshTabsSoon;
  #releaseSoon;

  // Another pane took the place of the one before: another view or search.
  adopt(pane) {
    this.pane = pane;
    this.query = pane.dataset.query;
    this.rows = pane.querySelector("#rows");
    this.hint = pane.querySelector("#changes");
    this.#held.clear();
    this.#isUnderPointer = false;
    this.rows.addEventListener("click", (event) => this.#click(event));
    pane.addEventListener("pointerenter", (event) => { this.#isUnderPointer = event.pointerType === "mouse"; });
    pane.addEventListener("pointerleave", () => { this.#isUnderPointer = false; this.#releaseSoon(); });
    pane.addEventListener("focusout", () => this.#releaseSoon());
    this.hint.addEventListener("click", () => this.applyChanges());
    pane.querySelector("#list-error button").addEventListener("click", () => this.show(this.query));
    tickWaits(pane);
  }

  // Another view, search or page of filters in this list. The opened conversation stays.
  async show(query, { isHistory = false } = {}) {
    const loading = this.pane.querySelector("#list-loading");
    this.#message("list-loading");
    this.rows.hidden = true;
    try {
      const [pane] = elements(await partial(`/desk/list/${query}`));
      if (this.pane.querySelector("#list-loading") !== loading) return; // another one came first
      this.pane.replaceWith(pane);
      this.adopt(pane);
      this.mark(this.opened);
      this.paint(pane);
      if (!isHistory) history.pushState({ isDesk: true }, "", `${location.pathname}${query}`);
    } catch {
      this.#message("list-error");
    }
  }

  #message(id) {
    for (const other of ["list-loading", "list-error", "empty-list"])
      this.pane.querySelector(`#${other}`).hidden = other !== id;
  }

  refresh(id) {
    this.#changed.add(id);
    this.#refreshRowsSoon();
    this.#refreshTabsSoon();
  }

  // After a lost connection, and now and then: what is shown again, and what is newer.
  async refreshAll() {
    try {
      const newest = elements(await partial(`/desk/rows/${this.query}`));
      for (const row of newest) if (row.matches(".row")) this.#take(row.dataset.id, row);
      const shown = new Set(newest.map((row) => row.dataset.id));
      const all = [...this.rows.querySelectorAll(".row")];
      for (const row of all) if (!shown.has(row.dataset.id)) this.#changed.add(row.dataset.id);
      this.#refreshRowsSoon();
      this.#refreshTabsSoon();
    } catch { /* the socket says that we are offline, and this is tried again */ }
  }

  mark(id) {
    for (const link of this.rows.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
    this.opened = id;
    this.#row(id)?.querySelector(".row-link").setAttribute("aria-current", "true");
  }

  focusedId() {
    return document.activeElement?.closest?.(".row")?.dataset.id ?? null;
  }

  move(step) {
    const links = [...this.rows.querySelectorAll(".row-link")];
    const here = links.findIndex((link) => link.parentElement.contains(document.activeElement));
    const from = here >= 0 ? here : links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = links[Math.min(Math.max(from + step, 0), links.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  applyChanges() {
    const changes = [...this.#held];
    this.#held.clear();
    this.hint.hidden = true;
    for (const [id, row] of changes) if (row) this.#place(row); else this.#remove(id);
    this.#showEmpty();
  }

  #click(event) {
    const isPlain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const more = event.target.closest("[data-rows]");
    const link = event.target.closest(".row-link");
    if (!isPlain || !(more || link)) return;
    event.preventDefault();
    if (more) this.#showOlder(more);
    else this.open(link.href);
  }

  async #showOlder(more) {
    more.setAttribute("aria-busy", "true");
    try {
      const older = elements(await partial(more.dataset.rows));
      more.closest("li").replaceWith(...older.filter((row) => !this.#row(row.dataset.id)));
      this.mark(this.opened);
      this.paint(this.rows);
      this.#row(older[0]?.dataset.id)?.querySelector("a").focus();
      this.#showEmpty();
    } catch {
      location.assign(more.href);
    }
  }

  async #refreshRows() {
    const ids = [...this.#changed];
    this.#changed.clear();
    await Promise.allSettled(ids.map((id) => this.#refreshRow(id)));
  }

  async #refreshRow(id) {
    if (this.pane.dataset.search && !this.#row(id)) return; // a search is a moment: it doesn't grow by itself
    const query = this.query;
    const [row] = elements(await partial(`/desk/conversations/${id}/row/${query}`));
    if (query === this.query) this.#take(id, row ?? null);
  }

  // In place at once; what would move other rows waits while a hand is on the list.
  #take(id, row) {
    const old = this.#row(id);
    if (!row && (!old || id === this.opened)) { this.#held.delete(id); this.#hint(); return; } // what is read stays
    const isStill = row && old && this.#isInPlace(old, Number(row.dataset.order));
    if (isStill) this.#replace(old, row);
    else if (!this.#isHeld()) { if (row) this.#place(row); else this.#remove(id); this.#held.delete(id); this.#hint(); }
    else {
      if (row && old) this.#replace(old, row.cloneNode(true), old.dataset.order);
      if (row && !old && this.#isBelowLoaded(row)) return;
      this.#held.set(id, row);
      this.#hint();
      return;
    }
    if (isStill) { this.#held.delete(id); this.#hint(); }
    this.#showEmpty();
  }

  #isHeld() {
    return this.#isUnderPointer || Boolean(this.rows.querySelector(":focus-visible"));
  }

  #isInPlace(old, order) {
    const before = old.previousElementSibling;
    const after = old.nextElementSibling;
    return (!before || Number(before.dataset.order) <= order)
      && (!after?.matches(".row") || order <= Number(after.dataset.order));
  }

  #isBelowLoaded(row) {
    const last = [...this.rows.querySelectorAll(".row")].at(-1);
    return Boolean(this.rows.querySelector(".more-row")) && last && Number(last.dataset.order) < Number(row.dataset.order);
  }

  #replace(old, row, order = row.dataset.order) {
    const part = old.contains(document.activeElement) ? document.activeElement.className : "";
    row.dataset.order = order;
    if (row.dataset.id === this.opened) row.querySelector(".row-link").setAttribute("aria-current", "true");
    old.replaceWith(row);
    tickWaits(row);
    this.paint(row);
    if (part) (row.querySelector(`.${part.split(" ").at(-1)}`) ?? row.querySelector("a")).focus({ preventScroll: true });
  }

  // A row that belongs below what is loaded waits for "more".
  #place(row) {
    const old = this.#row(row.dataset.id);
    if (!old && this.#isBelowLoaded(row)) return;
    const others = [...this.rows.querySelectorAll(".row")].filter((other) => other !== old);
    const next = others.find((other) => Number(other.dataset.order) > Number(row.dataset.order));
    if (old) this.#replace(old, row);
    else row.classList.add("is-new");
    this.rows.insertBefore(row, next ?? this.rows.querySelector(".more-row"));
    if (row.dataset.id === this.opened) row.querySelector(".row-link").setAttribute("aria-current", "true");
    tickWaits(row);
    this.paint(row);
  }

  #remove(id) {
    if (id !== this.opened) this.#row(id)?.remove();
  }

  #hint() {
    const num = this.#held.size;
    this.hint.hidden = num === 0;
    this.hint.textContent = num === 1 ? texts.oneChange : texts.changes.replace("%d", num);
  }

  #showEmpty() {
    this.pane.querySelector("#empty-list").hidden = this.rows.children.length > 0;
  }

  async #refreshTabs() {
    const tabs = this.pane.querySelector("#tabs");
    if (tabs.querySelector("details[open]") || tabs.contains(document.activeElement)) return;
    const html = await partial(`/desk/tabs/${this.query}`).catch(() => "");
    if (html) tabs.replaceChildren(...elements(html));
  }

  #row(id) {
    return id ? this.rows.querySelector(`.row[data-id="${CSS.escape(id)}"]`) : null;
  }
}
