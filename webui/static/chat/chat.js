// Puts the chat together: frames change the state, the state is rendered. Everything else is in its own module.

import { createComposer } from "./composer.js";
import { connect } from "./connection.js";
import { createPanel } from "./panel.js";
import { createList } from "./render.js";
import { followNewest } from "./scroll.js";
import * as store from "./store.js";
import { keepUnsent, loadUnsent } from "./unsent.js";

const CONFIRM_WITHIN_MS = 12_000;
const GAP_PATIENCE_MS = 700; // two processes send events: the next seq may just be a moment late
const LOST_BAR_AFTER_MS = 1_200;
const ACCESS_REVOKED = 4403;
const PERMANENT_CODES = new Set(["too_long", "empty", "bad_frame"]);

const root = document.querySelector("[data-chat]");
const find = (name) => root.querySelector(`[data-${name}]`);
const strings = JSON.parse(document.getElementById("chat-strings").textContent);
const maxChars = Number(root.dataset.maxChars);

let state = loadUnsent().reduce((all, one) => store.addPending(all, one.client_id, one.text), store.emptyState());
let isConnected = false;
let barTimer = 0;
let gapTimer = 0;
const confirmTimers = new Map();

const renderList = createList({
  log: find("log"),
  strings,
  locale: document.documentElement.lang,
  onRetry: retry,
  onAsk: send,
  onTick: () => show({}),
});
const follower = followNewest({ scroller: find("scroller"), pill: find("pill") });
const composer = createComposer({ form: find("composer"), maxChars, strings, onSend: send });
const launcher = document.querySelector("[data-launcher]");
const panel = launcher && createPanel({
  panel: root,
  launcher,
  closer: find("closer"),
  page: document.querySelector("[data-page]"),
  strings,
  onOpen: () => {
    follower.settle({ isNew: false, isOwn: false });
    composer.focus();
  },
});
for (const button of root.querySelectorAll("[data-ask]")) {
  button.addEventListener("click", () => send(button.textContent.trim()));
}

const url = new URL(root.dataset.socket, location.href);
url.protocol = url.protocol.replace("http", "ws");
const connection = connect(url, { onOpen: subscribe, onFrame: receive, onLost: lose, onEnded: end });
show({});
if (!launcher) composer.focus();

function subscribe() {
  connection.send({ type: "conversation.subscribe", last_seq: store.lastSeq(state) });
}

function receive(frame) {
  if (frame.type === "error") {
    fail(frame.data);
    return;
  }
  const before = state;
  const isElsewhere = before.conversationId && before.conversationId !== frame.data.conversation_id;
  change(store.applyFrame(state, frame), frame);
  if (frame.type === "conversation.snapshot") {
    setConnected();
    if (isElsewhere) subscribe(); // asked with the other conversation's seq
    state.pending.filter((one) => one.status === "sending").forEach(transmit);
  }
  announceNew(before);
  watchForGap();
}

function send(text) {
  const clientId = newClientId();
  change(store.addPending(state, clientId, text), { isOwn: true });
  transmit({ client_id: clientId, text });
}

function retry(clientId) {
  change(store.setPendingStatus(state, clientId, "sending"), { isOwn: true });
  const message = state.pending.find((one) => one.client_id === clientId);
  if (message) transmit(message);
  composer.focus();
}

// Not connected: it stays pending, and goes out after the next snapshot.
function transmit({ client_id, text }) {
  if (!isConnected || !connection.send({ type: "message.send", client_id, text })) return;
  clearTimeout(confirmTimers.get(client_id));
  confirmTimers.set(client_id, setTimeout(() => isConnected && fail({ client_id, code: "unconfirmed" }), CONFIRM_WITHIN_MS));
}

function fail({ client_id, code }) {
  const message = state.pending.find((one) => one.client_id === client_id);
  if (!message) return;
  clearTimeout(confirmTimers.get(client_id));
  if (PERMANENT_CODES.has(code)) {
    change(store.dropPending(state, client_id), {});
    composer.putBack(message.text);
    announce(strings.failedTooLong.replace("{max}", maxChars));
    return;
  }
  change(store.setPendingStatus(state, client_id, "failed", code), {});
  announce(strings.failed);
}

function watchForGap() {
  clearTimeout(gapTimer);
  if (store.hasGap(state)) gapTimer = setTimeout(subscribe, GAP_PATIENCE_MS);
}

function setConnected() {
  isConnected = true;
  clearTimeout(barTimer);
  find("bar").hidden = true;
  show({});
}

function lose() {
  isConnected = false;
  confirmTimers.forEach(clearTimeout);
  clearTimeout(barTimer);
  barTimer = setTimeout(() => showBar(strings.lost), LOST_BAR_AFTER_MS);
  show({});
}

function end(code) {
  isConnected = false;
  if (code === ACCESS_REVOKED) {
    state = store.emptyState(); // nothing of the conversation stays on the screen or in storage
    keepUnsent([]);
  }
  composer.disable();
  showBar(strings.ended);
  find("reload").hidden = false;
  find("reload").addEventListener("click", () => location.reload());
  show({});
}

function showBar(text) {
  find("bar-text").textContent = text;
  find("bar").hidden = false;
}

function change(next, { isOwn = false }) {
  const isNew = next.messages.length > state.messages.length || (next.running?.text && !state.running?.text);
  if (next.pending !== state.pending) keepUnsent(next.pending);
  state = next;
  show({ isNew, isOwn });
}

function show({ isNew = false, isOwn = false }) {
  renderList(state, { isConnected });
  find("typing").hidden = !state.isAwaiting || Boolean(state.running?.text);
  const isEmpty = !state.messages.length && !state.pending.length;
  find("starters")?.toggleAttribute("hidden", !isEmpty || !state.hasSnapshot);
  follower.settle({ isNew, isOwn });
}

// Whole messages to screen readers, never half a word; not the history that a first snapshot brings.
function announceNew(before) {
  if (!before.hasSnapshot) return;
  const seen = new Set(before.messages.map((message) => message.seq));
  for (const message of state.messages) {
    if (seen.has(message.seq) || message.author === "customer") continue;
    const name = message.agent_name || (message.author === "agent" ? strings.agent : strings.bot);
    announce(strings.says.replace("{name}", name).replace("{text}", () => message.text));
    panel?.markUnread();
  }
}

function announce(text) {
  const line = document.createElement("p");
  line.textContent = text;
  find("announcer").append(line);
  setTimeout(() => line.remove(), 20_000);
}

// crypto.randomUUID exists on https and localhost only.
function newClientId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
