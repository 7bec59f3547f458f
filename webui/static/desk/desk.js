// The desk's entry: wires the list, the opened conversation, the socket and the keys. Every page works without it.
import { DeskSocket } from "./socket.js";
import { ConversationList } from "./list.js";
import { Transcript } from "./transcript.js";
import { installKeys } from "./keys.js";
import { localiseTimes, partial } from "./partials.js";

const desk = document.getElementById("desk");
const list = new ConversationList(desk.dataset.filter, open);
let transcript = null;
let socket = null;
let num_opens = 0; // the latest one wins: an answer that comes late changes nothing

function handle(event) {
  const id = event.data.conversation_id;
  if (event.type === "desk.joined") {
    // events may have been missed while there was no socket: rows are the truth
    if (socket.isAgain) { list.refreshAll(); transcript?.catchUp(); }
  } else if (event.type === "conversation.changed") {
    list.refresh(id);
    if (id === desk.dataset.conversation) transcript?.refreshFacts();
  } else if (id === desk.dataset.conversation) {
    transcript?.handle(event);
  }
}

function watch() {
  socket?.close();
  const id = desk.dataset.conversation;
  transcript = id ? new Transcript(id) : null;
  socket = new DeskSocket(id ? `/ws/desk/${id}/` : "/ws/desk/", handle);
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

addEventListener("popstate", () => {
  if (location.hash) return;
  const filter = new URLSearchParams(location.search).get("filter") ?? "all";
  if (filter === desk.dataset.filter) open(location.href, { isHistory: true });
  else location.reload();
});

localiseTimes(document);
installKeys(list, () => transcript);
list.mark(desk.dataset.conversation);
watch();
