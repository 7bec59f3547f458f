// The list: rows that refresh and move by themselves, filters with live counts, older rows on demand.
import { elements, partial, soon } from "./partials.js";

const REFRESH_WAIT_MS = 150;
const TABS_WAIT_MS = 600;

export class ConversationList {
  #changed = new Set();

  constructor(filter, open) {
    this.query = filter === "all" ? "" : `?filter=${filter}`;
    this.rows = document.getElementById("rows");
    this.open = open;
    this.#refreshRowsSoon = soon(() => this.#refreshRows(), REFRESH_WAIT_MS);
    this.#refreshTabsSoon = soon(() => this.#refreshTabs(), TABS_WAIT_MS);
    this.rows.addEventListener("click", (event) => this.#click(event));
  }

  #refreshRowsSoon;
  #refreshTabsSoon;

  refresh(id) {
    this.#changed.add(id);
    this.#refreshRowsSoon();
    this.#refreshTabsSoon();
  }

  // After a lost connection: what is shown again, and what is newer.
  async refreshAll() {
    const newest = elements(await partial(`/desk/rows/${this.query}`));
    for (const row of newest.reverse()) if (row.matches(".row")) this.#place(row);
    const shown = new Set(newest.map((row) => row.dataset.id));
    for (const row of this.rows.querySelectorAll(".row")) if (!shown.has(row.dataset.id)) this.refresh(row.dataset.id);
    this.#refreshTabsSoon();
  }

  mark(id) {
    for (const link of this.rows.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
    this.opened = id;
    this.#link(id)?.setAttribute("aria-current", "true");
  }

  move(step) {
    const links = [...this.rows.querySelectorAll(".row-link")];
    const here = links.findIndex((link) => link === document.activeElement || link.contains(document.activeElement));
    const from = here >= 0 ? here : links.findIndex((link) => link.hasAttribute("aria-current"));
    const next = links[Math.min(Math.max(from + step, 0), links.length - 1)];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
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
      this.#row(older[0]?.dataset.id)?.querySelector("a").focus();
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
    const [row] = elements(await partial(`/desk/conversations/${id}/row/${this.query}`));
    if (row) this.#place(row);
    else if (id !== this.opened) this.#row(id)?.remove(); // what is being read stays in sight
    document.getElementById("empty-list").hidden = this.rows.children.length > 0;
  }

  // Newest first; a row that belongs below what is loaded waits for "older".
  #place(row) {
    const old = this.#row(row.dataset.id);
    const hadFocus = old?.contains(document.activeElement);
    const at = Number(row.dataset.at);
    const others = [...this.rows.querySelectorAll(".row")].filter((other) => other !== old);
    const next = others.find((other) => Number(other.dataset.at) < at);
    const more = this.rows.querySelector(".more-row");
    if (!next && more && !old) return;
    if (!old) row.classList.add("is-new");
    if (old && old.nextElementSibling === (next ?? more)) old.replaceWith(row);
    else { old?.remove(); this.rows.insertBefore(row, next ?? more); }
    if (row.dataset.id === this.opened) row.querySelector("a").setAttribute("aria-current", "true");
    if (hadFocus) row.querySelector("a").focus();
  }

  async #refreshTabs() {
    document.getElementById("tabs").replaceChildren(...elements(await partial(`/desk/tabs/${this.query}`)));
  }

  #row(id) {
    return id ? this.rows.querySelector(`.row[data-id="${id}"]`) : null;
  }

  #link(id) {
    return this.#row(id)?.querySelector("a");
  }
}
