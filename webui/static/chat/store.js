// The state of the chat in the browser, as pure functions: old state and a fact in, new state out.
//
// Truth is what has a seq. `messages` is the newest part of one conversation, without a hole from `firstSeq` on once
// `hasGap` is false; older pages are put before it. `pending` is what the customer typed and the server hasn't
// confirmed. `running` is the reply that is being written; what belongs to an older attempt, or comes after its end,
// changes nothing.

const NUM_CLOSED_KEPT = 300; // ended replies remembered; events of older ones are no longer on their way

export function emptyState() {
  return {
    conversationId: null,
    hasSnapshot: false,
    messages: [], // by seq
    firstSeq: 1, // the lowest seq that `messages` goes back to
    pending: [], // {client_id, text, attachments, conversation_id, status: "sending" | "failed", code}
    running: null, // {reply_id, attempt, text}
    isAwaiting: false, // a customer's message has no reply yet
    attempts: new Map(), // the highest attempt seen, by reply id
    closed: new Set(), // replies that are finished or cancelled
    conversation: null, // who has it: see ConversationState in chatbot/events.py
    agentTyping: null, // {name, at}
    conversations: null, // the customer's list, once asked for
  };
}

export function hasEarlier(state) {
  return state.firstSeq > 1;
}

// The seq up to which nothing is missing: what to subscribe with.
export function lastSeq(state) {
  const { messages, firstSeq } = state;
  const last = messages.at(-1)?.seq ?? 0;
  if (last === firstSeq + messages.length - 1) return last; // no hole, without a look at each
  let seq = firstSeq - 1;
  for (const message of messages) {
    if (message.seq !== seq + 1) break;
    seq = message.seq;
  }
  return seq;
}

export function hasGap(state) {
  return state.messages.length > 0 && state.messages.at(-1).seq !== lastSeq(state);
}

// Whether a pong tells of something that this browser has missed.
export function isBehind(state, pong) {
  if (pong.conversation_id !== state.conversationId) return true;
  const running = pong.running_reply;
  const isStuck = Boolean(state.running) && running?.reply_id !== state.running.reply_id;
  return pong.last_seq > lastSeq(state) || isStuck || (state.isAwaiting && !running);
}

export function addPending(state, clientId, text, attachments = []) {
  const one = {
    client_id: clientId,
    text,
    attachments,
    conversation_id: state.conversationId,
    status: "sending",
    code: "",
  };
  return { ...state, pending: [...state.pending, one] };
}

export function setPendingStatus(state, clientId, status, code = "") {
  const pending = state.pending.map((one) => (one.client_id === clientId ? { ...one, status, code } : one));
  return { ...state, pending };
}

export function dropPending(state, clientId) {
  return { ...state, pending: state.pending.filter((one) => one.client_id !== clientId) };
}

// What is known about a saved message otherwise than by an event: a rating that was just given.
export function updateMessage(state, seq, changes) {
  return {
    ...state,
    messages: state.messages.map((message) => (message.seq === seq ? { ...message, ...changes } : message)),
  };
}

export function clearTyping(state) {
  return state.agentTyping ? { ...state, agentTyping: null } : state;
}

export function applyFrame(state, frame) {
  const apply = HANDLERS[frame.type];
  if (!apply) return state;
  if (FOR_ANY_CONVERSATION.has(frame.type)) return apply(state, frame.data);
  // Before the first snapshot nothing says where the conversation begins: it will bring what these events tell.
  if (!state.hasSnapshot || frame.data.conversation_id !== state.conversationId) return confirmOnly(state, frame);
  return apply(state, frame.data);
}

const FOR_ANY_CONVERSATION = new Set(["conversation.snapshot", "conversation.list"]);

const HANDLERS = {
  "conversation.snapshot": applySnapshot,
  "conversation.list": (state, data) => ({ ...state, conversations: data.conversations }),
  "conversation.state": (state, data) => ({ ...state, conversation: data.state }),
  "history.page": applyPage,
  "message.saved": applyMessageSaved,
  "reply.started": applyReplyStarted,
  "reply.delta": applyReplyDelta,
  "reply.finished": applyReplyFinished,
  "reply.cancelled": applyReplyCancelled,
  "chat.typing": applyTyping,
};

function applySnapshot(state, data) {
  const isSame = state.conversationId === null || state.conversationId === data.conversation_id;
  const base = isSame ? state : { ...emptyState(), pending: state.pending, conversations: state.conversations };
  const pending = base.pending.map((one) =>
    one.conversation_id ? one : { ...one, conversation_id: data.conversation_id },
  );
  const known = {
    ...base,
    pending,
    conversationId: data.conversation_id,
    hasSnapshot: true,
    conversation: data.state ?? base.conversation,
  };
  const merged = data.messages.reduce(addMessage, withRoomFor(known, data, !base.hasSnapshot || !isSame));
  const reply = data.running_reply;
  if (!reply || isStale(merged, reply)) return { ...merged, running: null, isAwaiting: false };
  const isShown = merged.running?.reply_id === reply.reply_id && merged.running.attempt === reply.attempt;
  return isShown ? { ...merged, isAwaiting: true } : startReply(merged, reply);
}

// A snapshot holds the newest messages only: what was shown before is kept if the two parts meet, else it is dropped
// and comes back page by page, like all that is older.
function withRoomFor(state, data, isFirst) {
  const from = data.first_seq ?? data.messages[0]?.seq ?? (data.last_seq ?? lastSeq(state)) + 1;
  if (isFirst) return { ...state, messages: [], firstSeq: from };
  if (from <= lastSeq(state) + 1) return state;
  return { ...state, messages: state.messages.filter((message) => message.seq >= from), firstSeq: from };
}

function applyPage(state, data) {
  if (data.before_seq !== state.firstSeq || !data.messages.length) return state; // asked twice, or the part has moved
  const older = data.messages.filter((message) => message.seq < state.firstSeq);
  return { ...state, messages: [...older, ...state.messages], firstSeq: older[0]?.seq ?? state.firstSeq };
}

function applyMessageSaved(state, data) {
  const { message } = data;
  const isNew = !hasSeq(state, message.seq) && message.seq >= state.firstSeq;
  const added = addMessage(state, message);
  if (message.author === "agent") return clearTyping(added);
  const willBotAnswer = state.conversation?.handled_by !== "agent" && Boolean(message.text);
  return isNew && message.author === "customer" && willBotAnswer ? { ...added, isAwaiting: true } : added;
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
  const ended = endReply(state, data.reply_id);
  return addMessage(ended, data.message);
}

function applyReplyCancelled(state, data) {
  return endReply(state, data.reply_id);
}

function applyTyping(state, data) {
  if (data.author !== "agent") return state;
  return data.is_typing ? { ...state, agentTyping: { name: data.agent_name } } : clearTyping(state);
}

function startReply(state, { reply_id, attempt }) {
  if (state.running?.reply_id === reply_id && state.running.attempt === attempt) return { ...state, isAwaiting: true };
  const attempts = new Map(state.attempts).set(reply_id, attempt);
  for (const id of attempts.keys()) {
    if (attempts.size <= NUM_CLOSED_KEPT) break;
    attempts.delete(id);
  }
  return { ...state, attempts, isAwaiting: true, running: { reply_id, attempt, text: "" } };
}

function endReply(state, replyId) {
  const running = state.running?.reply_id === replyId ? null : state.running;
  return { ...state, closed: withClosed(state.closed, replyId), running, isAwaiting: running !== null };
}

function isStale(state, { reply_id, attempt }) {
  return state.closed.has(reply_id) || attempt < (state.attempts.get(reply_id) ?? 0);
}

function withClosed(closed, replyId) {
  if (closed.has(replyId)) return closed;
  const all = new Set(closed).add(replyId);
  for (const id of all) {
    if (all.size <= NUM_CLOSED_KEPT) break;
    all.delete(id);
  }
  return all;
}

function hasSeq({ messages, firstSeq }, seq) {
  const place = messages[seq - firstSeq]; // where it is as long as there is no hole
  return place?.seq === seq || messages.some((message) => message.seq === seq);
}

function addMessage(state, message) {
  const confirmed = confirm(state, message);
  const closed = message.reply_id ? withClosed(confirmed.closed, message.reply_id) : confirmed.closed;
  const next = closed === confirmed.closed ? confirmed : { ...confirmed, closed };
  if (message.seq < state.firstSeq) return next; // older than what is shown: it comes with its page
  const last = state.messages.at(-1);
  if (!last || message.seq > last.seq) return { ...next, messages: [...state.messages, message] };
  if (hasSeq(state, message.seq)) return next;
  return { ...next, messages: [...state.messages, message].sort((a, b) => a.seq - b.seq) };
}

function confirm(state, message) {
  if (!message.client_id || !state.pending.some((one) => one.client_id === message.client_id)) return state;
  return dropPending(state, message.client_id);
}

// An event of a conversation that isn't shown, for instance the late confirmation of a message sent before the switch.
function confirmOnly(state, frame) {
  const isElsewhere = state.hasSnapshot && frame.data.conversation_id !== state.conversationId;
  return frame.type === "message.saved" && isElsewhere ? confirm(state, frame.data.message) : state;
}
