// The state of one conversation in the browser, as pure functions: old state and a fact in, new state out.
//
// Truth is what has a seq. `pending` is what the customer typed and the server hasn't confirmed. `running` is the
// reply that is being written; what belongs to an older attempt, or comes after the end, changes nothing.

export function emptyState() {
  return {
    conversationId: null,
    hasSnapshot: false,
    messages: [], // by seq
    pending: [], // {client_id, text, status: "sending" | "failed", code}
    running: null, // {reply_id, attempt, text}
    isAwaiting: false, // a customer's message has no reply yet
    attempts: {}, // the highest attempt seen, by reply id
    finished: {}, // reply ids that are done
  };
}

// The highest seq below which nothing is missing: what to subscribe with.
export function lastSeq(state) {
  let seq = 0;
  for (const message of state.messages) {
    if (message.seq !== seq + 1) break;
    seq = message.seq;
  }
  return seq;
}

export function hasGap(state) {
  return state.messages.length > 0 && state.messages.at(-1).seq !== lastSeq(state);
}

export function addPending(state, clientId, text) {
  return { ...state, pending: [...state.pending, { client_id: clientId, text, status: "sending", code: "" }] };
}

export function setPendingStatus(state, clientId, status, code = "") {
  const pending = state.pending.map((one) => (one.client_id === clientId ? { ...one, status, code } : one));
  return { ...state, pending };
}

export function dropPending(state, clientId) {
  return { ...state, pending: state.pending.filter((one) => one.client_id !== clientId) };
}

export function applyFrame(state, frame) {
  const apply = HANDLERS[frame.type];
  if (!apply) return state;
  const isForeign = state.conversationId && frame.data.conversation_id !== state.conversationId;
  return isForeign && frame.type !== "conversation.snapshot" ? state : apply(state, frame.data);
}

const HANDLERS = {
  "conversation.snapshot": applySnapshot,
  "message.saved": applyMessageSaved,
  "reply.started": applyReplyStarted,
  "reply.delta": applyReplyDelta,
  "reply.finished": applyReplyFinished,
};

function applySnapshot(state, data) {
  const isSame = state.conversationId === null || state.conversationId === data.conversation_id;
  const base = isSame ? state : { ...emptyState(), pending: state.pending };
  const known = { ...base, conversationId: data.conversation_id, hasSnapshot: true };
  const merged = data.messages.reduce(addMessage, known);
  const reply = data.running_reply;
  if (!reply || isStale(merged, reply)) return { ...merged, running: null, isAwaiting: false };
  const isShown = merged.running?.reply_id === reply.reply_id && merged.running.attempt === reply.attempt;
  return isShown ? { ...merged, isAwaiting: true } : startReply(merged, reply);
}

function applyMessageSaved(state, data) {
  const isNew = !state.messages.some((message) => message.seq === data.message.seq);
  const added = addMessage(state, data.message);
  return isNew && data.message.author === "customer" ? { ...added, isAwaiting: true } : added;
}

function applyReplyStarted(state, data) {
  return isStale(state, data) ? state : startReply(state, data);
}

function applyReplyDelta(state, data) {
  if (isStale(state, data)) return state;
  const started = startReply(state, data);
  return { ...started, running: { ...started.running, text: data.text } };
}

function applyReplyFinished(state, data) {
  const running = state.running?.reply_id === data.reply_id ? null : state.running;
  return { ...addMessage(state, data.message), running, isAwaiting: running !== null };
}

function startReply(state, { reply_id, attempt }) {
  const attempts = { ...state.attempts, [reply_id]: attempt };
  return { ...state, attempts, isAwaiting: true, running: { reply_id, attempt, text: "" } };
}

function isStale(state, { reply_id, attempt }) {
  return Boolean(state.finished[reply_id]) || attempt < (state.attempts[reply_id] ?? 0);
}

function addMessage(state, message) {
  const pending = message.client_id
    ? state.pending.filter((one) => one.client_id !== message.client_id)
    : state.pending;
  const finished = message.reply_id ? { ...state.finished, [message.reply_id]: true } : state.finished;
  if (state.messages.some((one) => one.seq === message.seq)) return { ...state, pending, finished };
  const messages = [...state.messages, message].sort((a, b) => a.seq - b.seq);
  return { ...state, messages, pending, finished };
}
