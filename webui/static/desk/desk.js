// The desk's entry: wires the list, the opened conversation, the socket and the keys. Every page works without it.
import { DeskSocket } from "./socket.js";
import { ConversationList } from "./list.js";
import { Transcript } from "./transcript.js";
import { Presence } from "./presence.js";
import { installKeys } from "./keys.js";
import { installMenus, openMenu } from "./menu.js";
import { installPanes } from "./panes.js";
import { localiseTimes, partial } from "./partials.js";
import { startClocks } from "./waits.js";

const NUM_AFTER_HIT = 20;
const desk = document.getElementById("desk");
let transcript = null;
let socket = null;
let num_opens = 0; // the latest one wins: an answer that comes late changes nothing
const presence = new Presence((frame) => socket?.send(frame));
const list = new ConversationList(open, (root) => presence.paint(root));

function handle(event) {
  const id = event.data.conversation_id;
  if (event.type === "desk.joined") {
    presence.look(desk.dataset.conversation);
    // events may have been missed while there was no socket: rows are the truth
    if (socket.isAgain) { list.refreshAll(); transcript?.catchUp(); }
  } else if (event.type === "presence.changed") {
    presence.handle(event.data);
  } else if (event.type === "conversation.changed") {
    list.refresh(id);
    if (id === desk.dataset.conversation) transcript?.refreshFacts();
  } else if (id === desk.dataset.conversation) {
    transcript?.handle(event);
  }
}

function watch() {
  socket?.close();
  transcript?.close?.();
  const id = desk.dataset.conversation;
  transcript = id ? new Transcript(id) : null;
  socket = new DeskSocket(id ? `/ws/desk/${id}/` : "/ws/desk/", handle);
  showHit();
}

// A search's hit, or the message that something else on the page is about: the one that the address names.
function showHit() {
  const seq = /^#seq-(\d+)$/.exec(location.hash)?.[1];
  if (!seq || !desk.dataset.conversation) return;
  const hit = document.querySelector(`#messages [data-seq="${seq}"]`);
  if (!hit) { openAt(Number(seq)); return; }
  for (const old of document.querySelectorAll("#messages .is-hit")) old.classList.remove("is-hit");
  hit.classList.add("is-hit");
  hit.scrollIntoView({ block: "center" });
}

// The page of messages that ends shortly after this one.
function openAt(seq) {
  const url = new URL(location);
  const before = String(seq + NUM_AFTER_HIT);
  if (url.searchParams.get("before") === before) return; // it isn't there
  url.searchParams.set("before", before);
  open(url.href);
}

// Opens a conversation without losing the place in the list: the page's own HTML, two of its panes.
async function open(url, { isHistory = false } = {}) {
  const turn = ++num_opens;
  desk.classList.add("is-loading");
  try {
    const html = await partial(url);
    if (turn !== num_opens) return;
    const page = new DOMParser().parseFromString(html, "text/html");
    const opened = page.getElementById("desk");
    for (const id of ["transcript", "facts"]) document.getElementById(id).replaceWith(page.getElementById(id));
    desk.dataset.conversation = opened.dataset.conversation;
    desk.classList.toggle("has-opened", opened.classList.contains("has-opened"));
    document.title = page.title;
    if (!isHistory) history.pushState({ isDesk: true }, "", url);
  } catch {
    if (turn === num_opens) location.assign(url); // the server says what is wrong better than we can
    return;
  } finally {
    if (turn === num_opens) desk.classList.remove("is-loading");
  }
  localiseTimes(desk);
  list.mark(desk.dataset.conversation);
  watch();
}

// Views, chips and searches change the list only.
document.addEventListener("click", (event) => {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest("#tabs a, .chips a, #empty-list a:not([target])");
  if (!link || desk.dataset.conversation) return; // with something opened, the page itself goes there
  event.preventDefault();
  list.show(new URL(link.href).search);
});

addEventListener("popstate", () => {
  if (location.hash) return;
  const isListOnly = location.pathname === "/desk/" && !desk.dataset.conversation;
  const bare = (query) => { const values = new URLSearchParams(query); values.delete("before"); return String(values); };
  if (isListOnly) list.show(location.search, { isHistory: true });
  else if (bare(location.search) === bare(list.query)) open(location.href, { isHistory: true });
  else location.reload();
});
addEventListener("hashchange", showHit);
document.addEventListener("visibilitychange", () => presence.say());

localiseTimes(document);
installPanes(desk);
installMenus();
installKeys(list, () => transcript, openMenu);
startClocks();
list.mark(desk.dataset.conversation);
watch();
