// What stands above the reply box to be used or not: a suggested reply, or the box's text in the customer's language.
import { elements, partial, post } from "./partials.js";

const ASK_AGAIN_MS = 2000; // should the event be lost
const LONGEST_WAIT_MS = 60000;

export class AssistPanel {
  #timer;
  #num_asked = 0; // the latest one wins

  constructor({ url, form, onUse, texts }) {
    Object.assign(this, { url, onUse, texts });
    this.place = form.querySelector("#assist");
    this.place.addEventListener("click", (event) => this.#click(event));
  }

  close() {
    clearTimeout(this.#timer);
    this.#num_asked += 1;
  }

  suggest() {
    return this.#ask(() => post(`${this.url}suggestions/`));
  }

  translate(text) {
    if (text) return this.#ask(() => post(`${this.url}translations/`, { text }));
  }

  forget() {
    this.close();
    this.place.replaceChildren();
  }

  handle({ row_id }) {
    const shown = this.place.firstElementChild;
    if (shown?.dataset.status === "pending" && shown.dataset.id === String(row_id)) this.#look(shown);
  }

  async #ask(request) {
    const turn = ++this.#num_asked;
    this.since = Date.now();
    try {
      const html = await request();
      if (turn === this.#num_asked) this.#show(html);
    } catch {
      if (turn === this.#num_asked) this.#fail();
    }
  }

  async #look(shown) {
    clearTimeout(this.#timer);
    const turn = this.#num_asked;
    const html = await partial(shown.dataset.url).catch(() => "");
    if (html && turn === this.#num_asked) this.#show(html);
    else if (turn === this.#num_asked) this.#lookLater(shown);
  }

  #lookLater(shown) {
    clearTimeout(this.#timer);
    if (Date.now() - this.since < LONGEST_WAIT_MS) this.#timer = setTimeout(() => this.#look(shown), ASK_AGAIN_MS);
    else this.#fail();
  }

  #show(html) {
    this.place.replaceChildren(...elements(html));
    const shown = this.place.firstElementChild;
    if (shown.dataset.status === "pending") this.#lookLater(shown);
    else shown.querySelector("[data-use]")?.focus();
  }

  #fail() {
    const problem = document.createElement("p");
    problem.className = "reply-problem";
    problem.textContent = this.texts.noHelp;
    this.place.replaceChildren(problem);
  }

  #click(event) {
    if (event.target.closest("[data-use]")) {
      const text = this.place.querySelector(".assist-text").textContent;
      this.forget();
      this.onUse(text);
    }
    if (event.target.closest("[data-drop]")) this.forget();
  }
}
