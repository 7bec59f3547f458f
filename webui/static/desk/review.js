// The review page: one turn after the other, by key. Every act also works as a plain form without this script.
import { saveMark } from "./mark.js";
import { elements, localiseTimes, partial } from "./partials.js";

const page = document.getElementById("review");
const announcer = document.getElementById("announcer");
const keys = document.getElementById("keys");
const turn = () => document.getElementById("turn");
const links = () => [...document.querySelectorAll("#queue-rows .queue-link")];
const opened = () => links().find((link) => link.getAttribute("aria-current") === "true");
const form = () => turn().querySelector("form.turn-mark");
let num_opens = 0; // the latest one wins
let isUnsaved = false;

// The turn of a link, in place; a server that won't is asked for the whole page, which says why.
async function open(url, { isHistory = false } = {}) {
  const mine = ++num_opens;
  page.classList.add("is-loading");
  try {
    const html = await partial(url, { headers: { "X-Partial": "1" } });
    if (mine !== num_opens) return;
    turn().replaceChildren(...elements(html));
  } catch {
    location.assign(url);
    return;
  } finally {
    page.classList.remove("is-loading");
  }
  isUnsaved = false;
  page.classList.add("has-opened");
  for (const link of links()) link.toggleAttribute("aria-current", false);
  const link = links().find((one) => new URL(one.href).pathname === new URL(url, location.href).pathname);
  link?.setAttribute("aria-current", "true");
  link?.scrollIntoView({ block: "nearest" });
  if (!isHistory) history.pushState(null, "", url);
  turn().focus({ preventScroll: true });
  showJudged();
}

// The judged question and reply are what counts: they come into view whatever was said before.
function showJudged() {
  turn().querySelector(".is-judged")?.scrollIntoView({ block: "start" });
}

function move(step) {
  const all = links();
  const here = all.indexOf(opened());
  const next = all[here < 0 ? 0 : here + step];
  if (next) open(next.href);
  else if (step > 0 && all.length) refill();
}

// On to the next turn that nobody here has reviewed; after the last of them the queue is asked for more.
function goOn() {
  const all = links();
  const left = [...all.slice(all.indexOf(opened()) + 1), ...all].find((link) => !link.closest(".is-done"));
  if (left) open(left.href);
  else refill();
}

async function refill() {
  try {
    const url = `/desk/review/${document.getElementById("queue").dataset.query}`;
    const [list] = elements(await partial(url, { headers: { "X-Partial": "1" } }));
    document.getElementById("queue").replaceWith(list);
  } catch {
    return; // what is here stays; the next try asks again
  }
  if (links().length) open(links()[0].href);
  else announcer.textContent = announcer.dataset.empty;
}

async function refreshSide() {
  try {
    document.getElementById("facts").replaceChildren(...elements(await partial("/desk/review/side/")));
  } catch { /* the figures stay as they were */ }
}

document.addEventListener("submit", async (event) => {
  if (!event.target.matches("form.turn-mark")) return;
  const isLast = event.submitter?.matches("[data-save], [data-pick], [value=right]");
  const saved = await saveMark(event);
  if (!saved) return;
  isUnsaved = saved.isWritten;
  announcer.textContent = announcer.dataset.saved;
  refreshSide();
  document.querySelector(`.row[data-turn="${saved.form.dataset.turn}"]`)?.classList.add("is-done");
  if (isLast && !saved.isWritten) goOn();
});

document.addEventListener("input", (event) => { if (event.target.matches(".turn-mark textarea")) isUnsaved = true; });

document.addEventListener("click", (event) => {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest(".queue-link");
  if (!link) return;
  event.preventDefault();
  open(link.href);
});

addEventListener("beforeunload", (event) => { if (isUnsaved) event.preventDefault(); });
addEventListener("popstate", () => {
  if (location.hash) return;
  if (/\/review\/\d+\/$/.test(location.pathname)) open(location.href, { isHistory: true });
  else location.reload();
});

const actions = {
  j: () => move(1),
  k: () => move(-1),
  Enter: () => { if (!opened()) move(1); },
  s: () => form()?.querySelector("[name=sentiment]:checked").focus(),
  w: () => form()?.querySelector("textarea").focus(),
  m: () => form()?.querySelector("#correction").focus(),
  "?": () => keys.showModal(),
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.closest(".turn-mark")) {
    event.preventDefault();
    form().querySelector("[data-save]").click();
  }
  if (event.key === "Escape" && event.target.closest(".turn-mark")) turn().focus();
  const isTyping = event.target.closest("textarea, select, input:not([type=radio]), [contenteditable]");
  if (isTyping || document.querySelector("dialog[open]") || event.metaKey || event.ctrlKey || event.altKey) return;
  if (/^[1-6]$/.test(event.key)) judge(event);
  else if (Object.hasOwn(actions, event.key) && !(event.key === "Enter" && event.target.closest("a, button, summary"))) {
    event.preventDefault();
    actions[event.key]();
  }
});

function judge(event) {
  const button = [...(form()?.querySelectorAll("[name=verdict]:not([data-save])") ?? [])][Number(event.key) - 1];
  if (!button) return;
  event.preventDefault();
  button.click();
  if (event.key !== "1") form().querySelector("textarea").focus(); // what is typed next is the better answer
}

localiseTimes(document);
document.getElementById("show-keys").hidden = false;
document.getElementById("show-keys").addEventListener("click", () => keys.showModal());
showJudged();
