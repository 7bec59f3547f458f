// The chat without its page: one state, one connection, and the promises between them. What was typed is sent until it
// is confirmed, under the same client id; what was missed is asked for; what is quiet is asked whether it lives.

import { newClientId } from "../webui/client_id.js";
import { connect } from "./connection.js";
import * as store from "./store.js";

const CONFIRM_WITHIN_MS = 8_000;
const GAP_PATIENCE_MS = 700; // two processes send events: the next seq may just be a moment late
const SNAPSHOT_WITHIN_MS = 6_000;
const TYPING_FORGOTTEN_AFTER_MS = 6_000;
const PERMANENT_CODES = new Set(["too_long", "empty", "bad_frame", "bad_attachment", "no_conversation"]);
const ACCESS_REVOKED = 4403;

// `unsent`: {load, keep}. `onChange(state, before, cause)`; `onRefused(message, code)`: its text is given back.
export function createClient({ endpoints, token, request, unsent, language, timing = {}, ...on }) {
  const times = {
    confirmWithinMs: CONFIRM_WITHIN_MS,
    gapPatienceMs: GAP_PATIENCE_MS,
    snapshotWithinMs: SNAPSHOT_WITHIN_MS,
    maxTries: 2,
    ...timing,
  };
  let flying = null; // {client_id, numTries, timer}: one message at a time, so that none overtakes another
  let gapTimer = 0;
  let snapshotTimer = 0;
  let typingTimer = 0;
  let loadingBefore = 0;
  let isConnected = false;
  let wished = null; // the conversation that the customer chose
  let pageLanguage = language;
  let state = store.emptyState();
  state = { ...state, pending: unsent.load().map((one) => ({ attachments: [], ...one, status: "sending", code: "" })) };

  const connection = connect({
    endpoints,
    token,
    request,
    timing,
    isBusy: () => state.isAwaiting || state.pending.some((one) => one.status === "sending"),
    onOpen: subscribe,
    onFrame: receive,
    onLost: lose,
    onEnded: end,
  });

  return {
    send,
    retry,
    say: (frame) => isConnected && connection.send({ conversation_id: state.conversationId, ...frame }),
    loadEarlier,
    openConversation,
    startConversation: () => isConnected && connection.send({ type: "conversation.start" }),
    change,
    state: () => state,
    isConnected: () => isConnected,
    kind: connection.kind,
    setLanguage(next) {
      pageLanguage = next;
      if (isConnected) subscribe();
    },
    destroy() {
      connection.destroy();
      land();
      [gapTimer, snapshotTimer, typingTimer].forEach((timer) => clearTimeout(timer));
    },
  };

  function subscribe() {
    const id = wished ?? state.conversationId;
    const isOther = id !== state.conversationId;
    connection.send({
      type: "conversation.subscribe",
      last_seq: isOther ? 0 : store.lastSeq(state),
      ...(id ? { conversation_id: id } : {}),
      ...(pageLanguage ? { language: pageLanguage } : {}),
    });
    clearTimeout(snapshotTimer);
    snapshotTimer = setTimeout(subscribe, times.snapshotWithinMs); // it may have got lost on the way
  }

  function receive(frame) {
    if (frame.type === "error") {
      fail(frame.data);
      return void on.onError?.(frame.data);
    }
    if (frame.type === "pong") return void compare(frame.data);
    if (frame.type === "history.page") loadingBefore = 0;
    const isSnapshot = frame.type === "conversation.snapshot";
    if (isSnapshot) takeSnapshot(frame.data);
    change(store.applyFrame(state, frame), { frame });
    if (isSnapshot) land();
    transmitNext();
    if (frame.type === "chat.typing") watchTyping();
    watchForGap();
    return undefined;
  }

  function takeSnapshot(data) {
    clearTimeout(snapshotTimer);
    wished = data.conversation_id;
    isConnected = true;
    loadingBefore = 0;
    on.onConnection?.("connected");
  }

  function compare(pong) {
    if (!state.hasSnapshot || store.isBehind(state, pong)) subscribe();
    else if (JSON.stringify(pong.state) !== JSON.stringify(state.conversation)) {
      change({ ...state, conversation: pong.state }, {});
    }
  }

  function send(text, attachments = []) {
    const clientId = newClientId();
    change(store.addPending(state, clientId, text, attachments), { isOwn: true });
    transmitNext();
  }

  function retry(clientId) {
    change(store.setPendingStatus(state, clientId, "sending"), { isOwn: true });
    transmitNext();
  }

  // Not connected: it stays pending, and goes out after the next snapshot.
  function transmitNext() {
    if (!isConnected || flying) return;
    const message = state.pending.find((one) => one.status === "sending");
    if (message) transmit(message, 1);
  }

  function transmit({ client_id, text, attachments, conversation_id }, numTries) {
    const frame = { type: "message.send", client_id, text };
    if (conversation_id) frame.conversation_id = conversation_id;
    if (attachments?.length) frame.attachment_ids = attachments.map((one) => one.id);
    if (!connection.send(frame)) return;
    clearTimeout(flying?.timer);
    flying = { client_id, numTries, timer: setTimeout(() => isConnected && doubt(client_id), times.confirmWithinMs) };
  }

  // No word of it: the frame or its confirmation got lost. The same client id again can't double it.
  function doubt(clientId) {
    const message = state.pending.find((one) => one.client_id === clientId);
    if (message && flying.numTries < times.maxTries) transmit(message, flying.numTries + 1);
    else fail({ client_id: clientId, code: "unconfirmed" });
  }

  function land() {
    clearTimeout(flying?.timer);
    flying = null;
  }

  function fail({ client_id, code }) {
    if (code === "no_conversation" && !client_id) {
      wished = null; // it is gone: show the latest one
      state = { ...store.emptyState(), pending: state.pending };
      return subscribe();
    }
    const message = state.pending.find((one) => one.client_id === client_id);
    if (!message) return undefined;
    if (flying?.client_id === client_id) land();
    if (PERMANENT_CODES.has(code)) {
      change(store.dropPending(state, client_id), {});
      return on.onRefused?.(message, code);
    }
    change(store.setPendingStatus(state, client_id, "failed", code), {});
    transmitNext();
    return on.onFailed?.(message, code);
  }

  function loadEarlier() {
    if (!isConnected || !store.hasEarlier(state) || loadingBefore === state.firstSeq) return;
    loadingBefore = state.firstSeq;
    const frame = { type: "history.load", before_seq: state.firstSeq, conversation_id: state.conversationId };
    if (!connection.send(frame)) loadingBefore = 0;
  }

  function openConversation(id) {
    wished = id;
    if (isConnected) connection.send({ type: "conversation.open", conversation_id: id });
  }

  function watchForGap() {
    clearTimeout(gapTimer);
    if (store.hasGap(state)) gapTimer = setTimeout(subscribe, times.gapPatienceMs);
  }

  function watchTyping() {
    clearTimeout(typingTimer);
    typingTimer = setTimeout(() => change(store.clearTyping(state), {}), TYPING_FORGOTTEN_AFTER_MS);
  }

  function lose() {
    isConnected = false;
    loadingBefore = 0;
    land();
    clearTimeout(snapshotTimer);
    clearTimeout(gapTimer);
    on.onConnection?.("lost");
  }

  function end(code) {
    isConnected = false;
    if (code === ACCESS_REVOKED) change(store.emptyState(), {}); // nothing of it stays on the screen or in storage
    on.onConnection?.("ended");
  }

  function change(next, cause = {}) {
    if (next === state) return;
    const before = state;
    state = next;
    if (next.pending !== before.pending) {
      unsent.keep(next.pending);
      if (flying && !next.pending.some((one) => one.client_id === flying.client_id)) land();
    }
    on.onChange?.(next, before, cause);
  }
}
