// Who else is here: says over the socket what this desk shows, and writes others' initials wherever [data-presence] is.
import { texts } from "./texts.js";

const TYPING_PAUSE_MS = 2500;

export class Presence {
  #people = new Map(); // conversation id -> {people, until}
  #typedAt = 0;

  constructor(send) {
    const { heartbeatS, ttlS, userId } = texts;
    this.send = send;
    this.ttl_ms = ttlS * 1000;
    this.userId = userId;
    setInterval(() => { this.#expire(); this.say(); }, heartbeatS * 1000);
    document.addEventListener("desk:typing", (event) => this.#type(event));
  }

  look(id) {
    this.looking = id || null;
    this.say();
  }

  say() {
    this.send({ type: "presence.looking", conversation_id: document.hidden ? null : this.looking });
  }

  handle({ conversation_id: id, people }) {
    const others = people.filter((person) => person.id !== this.userId);
    this.#people.set(id, { people: others, until: Date.now() + this.ttl_ms });
    this.#show(id, others);
  }

  // Rows and headers that were fetched anew.
  paint(root) {
    for (const place of root.querySelectorAll("[data-presence], #presence")) {
      const id = place.dataset.presence ?? this.looking;
      if (this.#people.has(id)) fill(place, this.#people.get(id).people);
    }
  }

  #type(event) {
    const { conversation, isTyping } = event.detail;
    event.preventDefault();
    if (isTyping && Date.now() - this.#typedAt < TYPING_PAUSE_MS) return;
    this.#typedAt = isTyping ? Date.now() : 0;
    this.send({ type: "presence.typing", conversation_id: conversation, is_typing: isTyping });
  }

  #expire() {
    for (const [id, { until }] of this.#people)
      if (until < Date.now()) { this.#people.delete(id); this.#show(id, []); }
  }

  #show(id, people) {
    for (const place of document.querySelectorAll(`[data-presence="${CSS.escape(id)}"]`)) fill(place, people);
    const header = document.getElementById("presence");
    if (header && id === this.looking) fill(header, people);
    document.dispatchEvent(new CustomEvent("desk:presence", { detail: { conversation_id: id, people } }));
  }
}

function fill(place, people) {
  const isHeader = place.id === "presence";
  place.replaceChildren(...people.map((person) => {
    const words = (person.is_typing ? texts.isTyping : texts.isLooking).replace("{name}", person.name);
    const mark = document.createElement("span");
    mark.className = `initials initials-here${person.is_typing ? " is-typing" : ""}`;
    mark.title = words;
    const letters = document.createElement("span");
    letters.setAttribute("aria-hidden", "true");
    letters.textContent = person.initials;
    const said = document.createElement("span");
    said.className = "visually-hidden";
    said.textContent = words;
    mark.append(letters, said);
    if (!isHeader) return mark;
    const line = document.createElement("span");
    line.className = "presence-line";
    line.append(mark, document.createTextNode(words));
    said.remove();
    return line;
  }));
}
