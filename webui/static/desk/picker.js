// A list above the reply box while a word with a mark is typed: canned replies for "/", colleagues for "@" in a note.
// A combobox: the box keeps the focus, arrows choose, Enter or Tab takes, Escape leaves it.

const MAX_SHOWN = 8;
const MARKED = /(^|\s)([/@])([^\s/@]*)$/u;

export class Picker {
  #shown = [];
  #chosen = 0;

  constructor({ form, box, isForIme, signal }) {
    Object.assign(this, { form, box, isForIme });
    this.list = form.querySelector("#picker");
    this.choices = JSON.parse(document.getElementById("reply-choices").textContent);
    box.addEventListener("keydown", (event) => this.#key(event), { signal, capture: true });
    box.addEventListener("input", () => this.#update(), { signal, capture: true });
    box.addEventListener("blur", () => this.close(), { signal });
    this.list.addEventListener("pointerdown", (event) => this.#point(event), { signal });
  }

  get isOpen() {
    return !this.list.hidden;
  }

  open(mark) {
    this.box.focus();
    const text = this.box.value;
    this.box.setRangeText(text && !/\s$/u.test(text) ? ` ${mark}` : mark, text.length, text.length, "end");
    this.box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  close() {
    this.list.hidden = true;
    this.box.removeAttribute("aria-activedescendant");
  }

  #update() {
    const found = MARKED.exec(this.box.value.slice(0, this.box.selectionStart));
    const mark = found?.[2];
    const isWanted = mark === "@" ? this.form.elements.as.value === "note" : mark === "/";
    const words = (found?.[3] ?? "").toLocaleLowerCase();
    this.#shown = isWanted ? this.#matching(mark, words) : [];
    if (!this.#shown.length) { this.close(); return; }
    this.#chosen = 0;
    this.list.replaceChildren(...this.#shown.map((choice, number) => option(choice, number, mark)));
    this.list.hidden = false;
    this.#mark();
  }

  // What begins so comes before what only holds it.
  #matching(mark, words) {
    const all = this.choices[mark === "@" ? "agents" : "canned"];
    const rank = ({ key, title }) =>
      key.toLocaleLowerCase().startsWith(words) ? 0 : `${key} ${title}`.toLocaleLowerCase().includes(words) ? 1 : 2;
    return all.filter((choice) => rank(choice) < 2).sort((a, b) => rank(a) - rank(b)).slice(0, MAX_SHOWN);
  }

  #key(event) {
    if (!this.isOpen || this.isForIme(event)) return;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps) {
      this.#chosen = (this.#chosen + steps[event.key] + this.#shown.length) % this.#shown.length;
      this.#mark();
    } else if (event.key === "Enter" || event.key === "Tab") this.#take(this.#chosen);
    else if (event.key === "Escape") this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #point(event) {
    event.preventDefault(); // the box keeps the focus
    const number = event.target.closest("[data-number]")?.dataset.number;
    if (number) this.#take(Number(number));
  }

  #take(number) {
    const at = this.box.selectionStart;
    const [, , mark] = MARKED.exec(this.box.value.slice(0, at));
    const start = this.box.value.slice(0, at).lastIndexOf(mark);
    const { key, text } = this.#shown[number];
    this.close();
    this.box.setRangeText(mark === "@" ? `@${key} ` : text, start, at, "end");
    this.box.dispatchEvent(new InputEvent("input", { bubbles: true }));
  }

  #mark() {
    for (const item of this.list.children) {
      const isChosen = Number(item.dataset.number) === this.#chosen;
      item.setAttribute("aria-selected", String(isChosen));
      if (isChosen) { this.box.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
    }
  }
}

function option(choice, number, mark) {
  const item = document.createElement("li");
  item.id = `picker-${number}`;
  item.role = "option";
  item.dataset.number = number;
  const key = document.createElement("kbd");
  key.textContent = `${mark}${choice.key}`;
  const title = document.createElement("span");
  title.className = "picker-title";
  title.textContent = choice.title;
  const text = document.createElement("span");
  text.className = "picker-text";
  text.textContent = choice.text ?? "";
  item.append(key, title, text);
  return item;
}
