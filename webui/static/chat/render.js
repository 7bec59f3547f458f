// The list of messages as nodes: one node per row, kept from the local echo to the confirmed message and from the first
// streamed word to the saved message, so nothing above or below it jumps. Of a long history only the rows around the
// reader are in the page; the room of the others is kept as padding, measured where they were shown once.

import { element, icon, setText } from "./dom.js";
import { markdown } from "./markdown.js";
import { createReveal } from "./reveal.js";
import { systemText } from "./system.js";
import { dayLabel, timeLabel } from "./times.js";

const NUM_SHOWN = 60;
const NUM_ABOVE = 24;
const NUM_TO_SHIFT = 4; // rows made and laid out in one frame while the reader scrolls
const NUM_IN_STEPS = 12; // further away, all rows come at once: the reader must not see the room without them
const NEAR_TOP_PX = 1_200;

export function createList({ log, scroller, strings, locale, hooks = [], onRetry, onTick, onNeedEarlier }) {
  const nodes = new Map();
  const measured = { sum: 0, num: 0 };
  const savedRows = new WeakMap(); // one object per message, so that an unchanged row is known as such
  const reveal = createReveal({ onTick });
  let rows = [];
  let from = 0;
  let firstKey = null;
  let oldestKey = null; // of the row that the room above was reckoned from
  let roomAbove = 0;
  let shownConversation = null;
  let isShiftDue = false;
  let latest = { isConnected: false, state: null };
  let cached = { messages: null, rows: [] };
  scroller.style.overflowAnchor = "none"; // kept by hand: the browser's own way fights with ours
  scroller.addEventListener("scroll", soon, { passive: true });

  return { render, numNodes: () => nodes.size };

  function render(state, { isConnected, isFollowing }) {
    latest = { state, isConnected };
    rows = reveal(rowsOf(state), { isHistory: shownConversation !== state.conversationId });
    if (state.hasSnapshot) shownConversation = state.conversationId;
    const kept = placeOfFirst();
    const newest = Math.max(0, rows.length - NUM_SHOWN);
    const anchor = isFollowing ? null : findAnchor();
    show(isFollowing || kept < 0 ? newest : Math.min(kept, newest));
    restore(anchor);
    if (!isFollowing) soon();
  }

  function placeOfFirst() {
    if (firstKey === null) return -1;
    return rows[from]?.key === firstKey ? from : rows.findIndex((row) => row.key === firstKey);
  }

  function soon() {
    if (isShiftDue) return;
    isShiftDue = true;
    requestAnimationFrame(() => {
      isShiftDue = false;
      shift();
    });
  }

  // The reader has moved: other rows are around them now.
  function shift() {
    moveWindow();
    if (scroller.scrollTop < NEAR_TOP_PX && from <= NUM_ABOVE) onNeedEarlier();
  }

  function moveWindow() {
    if (rows.length <= NUM_SHOWN) return;
    const anchor = findAnchor();
    const wanted = Math.max(0, Math.min(rowInView(anchor) - NUM_ABOVE, rows.length - NUM_SHOWN));
    const isAtEnd = wanted === 0 || wanted === rows.length - NUM_SHOWN;
    const distance = wanted - from;
    if (!distance || (Math.abs(distance) < NUM_TO_SHIFT && !isAtEnd)) return;
    const isFar = Math.abs(distance) > NUM_IN_STEPS;
    show(isFar ? wanted : from + Math.max(-NUM_TO_SHIFT, Math.min(distance, NUM_TO_SHIFT)));
    restore(anchor, !isFar);
    if (from !== wanted) soon();
  }

  // Rows that stay keep their place in the scrolled area, whatever comes and goes above them: what hasn't moved is
  // neither measured nor painted again.
  function show(start) {
    const shown = rows.slice(start, start + NUM_SHOWN);
    const keys = new Set(shown.map((row) => row.key));
    const leaving = [...log.children].filter((node) => !keys.has(node.dataset.key));
    leaving.forEach(measure);
    const stays = [...log.children].find((node) => keys.has(node.dataset.key));
    let above = stays && rows[0].key === oldestKey ? roomAbove + gone(leaving, stays) : -1;
    for (const node of leaving) {
      node.remove();
      nodes.delete(node.dataset.key);
    }
    from = start;
    firstKey = shown[0]?.key ?? null;
    oldestKey = rows[0]?.key ?? null;
    const lastOwn = indexOfLastOwn(rows);
    let next = log.firstElementChild;
    shown.forEach((row, place) => {
      const index = from + place;
      if (next === stays && !nodes.has(row.key)) above -= row.height ?? averageHeight();
      const node = nodes.get(row.key) ?? create(row);
      update(node, row, { previous: rows[index - 1], next: rows[index + 1], isLastOwn: index === lastOwn });
      if (node === next) next = next.nextElementSibling;
      else log.insertBefore(node, next);
    });
    setRoomAbove(from && above >= 0 ? above : heightOf(0, from));
    setPadding("paddingBottom", heightOf(from + shown.length, rows.length));
  }

  function gone(leaving, stays) {
    const above = leaving.filter((node) => node.compareDocumentPosition(stays) & Node.DOCUMENT_POSITION_FOLLOWING);
    return above.reduce((sum, node) => sum + (node.drawn[0].height ?? averageHeight()), 0);
  }

  function setRoomAbove(height) {
    roomAbove = height;
    setPadding("paddingTop", height);
  }

  function setPadding(side, height) {
    const wanted = `${height}px`;
    if (log.style[side] !== wanted) log.style[side] = wanted;
  }

  // Of a row that leaves the page, with the space below it.
  function measure(node) {
    const row = node.drawn[0];
    if (!node.nextElementSibling || row.state !== "saved") return;
    const height = node.nextElementSibling.getBoundingClientRect().top - node.getBoundingClientRect().top;
    if (row.height) measured.sum -= row.height;
    else measured.num += 1;
    measured.sum += height;
    row.height = height;
  }

  function heightOf(start, end) {
    const guess = averageHeight();
    let height = 0;
    for (let index = start; index < end; index += 1) height += rows[index].height ?? guess;
    return height;
  }

  // The index of the row at the upper edge: of one that is there, else by the room kept for the others.
  function rowInView(anchor) {
    const edge = scroller.getBoundingClientRect().top;
    if (anchor && anchor.top <= edge) return from + anchor.place;
    const guess = averageHeight();
    let top = log.getBoundingClientRect().top;
    for (let index = 0; index < rows.length; index += 1) {
      top += rows[index].height ?? guess;
      if (top > edge) return index;
    }
    return rows.length - 1;
  }

  function averageHeight() {
    return measured.num ? measured.sum / measured.num : 72;
  }

  // The first row that reaches below the upper edge; they are in order, so a few looks find it.
  function findAnchor() {
    const edge = scroller.getBoundingClientRect().top;
    const { children } = log;
    let [low, high] = [0, children.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (children[middle].getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    const node = children[low];
    return node ? { node, place: low, top: node.getBoundingClientRect().top } : null;
  }

  function restore(anchor, canGive = false) {
    if (!anchor?.node.isConnected) return;
    const moved = anchor.node.getBoundingClientRect().top - anchor.top;
    if (!moved) return;
    if (canGive && from && roomAbove > moved) setRoomAbove(roomAbove - moved);
    else if (Math.abs(moved) >= 1) scroller.scrollTop += moved;
  }

  // The saved ones change seldom and may be thousands.
  function rowsOf(state) {
    if (cached.messages !== state.messages) {
      cached = {
        messages: state.messages,
        rows: state.messages.map(savedRow),
      };
    }
    const { running } = state;
    const streaming = running?.text
      ? [{ key: `reply-${running.reply_id}`, author: "bot", text: running.text, state: "streaming" }]
      : [];
    const pending = state.pending
      .filter((one) => !one.conversation_id || one.conversation_id === state.conversationId)
      .map((one) => ({ ...one, key: `client-${one.client_id}`, author: "customer", state: one.status }));
    return [...cached.rows, ...streaming, ...pending];
  }

  function savedRow(message) {
    if (!savedRows.has(message)) savedRows.set(message, { ...message, state: "saved", key: keyOf(message) });
    return savedRows.get(message);
  }

  function create(row) {
    const node = document.createElement("article");
    node.className = "message";
    node.dataset.key = row.key;
    node.append(
      element("p", "message-day"),
      element("p", "message-name"),
      element("div", "message-body"),
      element("div", "message-text"),
      element("time", "message-time"),
      element("div", "message-extras"),
      element("p", "message-state"),
    );
    node.children[1].id = `kefu-from-${row.key}`;
    nodes.set(row.key, node);
    return node;
  }

  // Most rows are as they were: a new message must not cost a look at a hundred old ones.
  function update(node, row, context) {
    const mark = [row.state === "sending" && latest.isConnected, context.isLastOwn && agentSeenSeq()];
    const now = [row, context.previous, context.next, ...mark, new Date().getDate()];
    if (node.drawn?.every((part, at) => part === now[at])) return;
    node.drawn = now;
    draw(node, row, context);
  }

  function draw(node, row, context) {
    const [day, name, body, text, time, extras, status] = node.children;
    const joinsPrevious = isJoined(context.previous, row);
    node.dataset.author = row.author;
    node.dataset.state = row.state;
    if (row.seq) node.dataset.seq = row.seq;
    node.toggleAttribute("data-joins-previous", joinsPrevious);
    node.toggleAttribute("data-joins-next", isJoined(row, context.next));
    setText(day, dayOf(context.previous, row));
    setText(name, nameOf(row));
    if (row.author === "system") node.setAttribute("role", "none"); // a remark, from nobody
    else node.setAttribute("aria-labelledby", name.id);
    name.classList.toggle("visually-hidden", row.author !== "agent" || joinsPrevious);
    updateText(text, row);
    setText(time, row.created_at ? timeLabel(row.created_at, locale) : "");
    time.dateTime = row.created_at ?? "";
    if (node.dataset.done !== doneMark(row)) {
      node.dataset.done = doneMark(row);
      body.replaceChildren(...hooks.flatMap((hook) => hook.messageBody?.(row) ?? []));
      if (row.state === "saved") {
        extras.replaceChildren(...hooks.flatMap((hook) => hook.messageExtras?.(row) ?? []));
      }
    }
    body.hidden = !body.childElementCount;
    extras.hidden = !extras.childElementCount;
    updateStatus(status, row, context);
  }

  function updateText(node, row) {
    const words = row.author === "system" ? systemText(row, strings) : row.text;
    const shown = `${row.state}\n${words}`;
    if (node.dataset.shown === shown) return;
    node.dataset.shown = shown;
    node.hidden = !words;
    if (row.author === "customer" || row.author === "system") {
      node.textContent = words;
      return;
    }
    const blocks = markdown(words);
    node.replaceChildren(...blocks);
    if (row.state === "streaming") cursorPlace(blocks.at(-1) ?? node).append(element("span", "cursor"));
  }

  function updateStatus(status, row, { isLastOwn }) {
    const wanted = statusOf(row, isLastOwn);
    if (status.dataset.shown === wanted) return;
    status.dataset.shown = wanted;
    status.hidden = !wanted;
    status.replaceChildren();
    if (!wanted) return;
    if (row.state === "failed") status.append(icon("alert", "icon icon-small"));
    status.append(wanted);
    if (row.state === "failed") status.append(retryButton(row));
  }

  function retryButton(row) {
    const button = element("button", "message-retry");
    button.type = "button";
    button.textContent = strings.tryAgain;
    button.addEventListener("click", () => onRetry(row.client_id));
    return button;
  }

  function statusOf(row, isLastOwn) {
    if (row.state === "failed") return { rate_limited: strings.failedTooFast, form_required: strings.failedForm }[row.code] ?? strings.failed;
    if (row.state === "sending") return latest.isConnected ? strings.sending : strings.waiting;
    if (!isLastOwn) return "";
    return agentSeenSeq() >= row.seq ? strings.seen : strings.sent;
  }

  function agentSeenSeq() {
    return latest.state.conversation?.agent_seen_seq ?? 0;
  }

  function nameOf(row) {
    if (row.author === "agent") return row.agent_name || strings.agent;
    return { customer: strings.you, bot: strings.bot }[row.author] ?? "";
  }

  function dayOf(previous, row) {
    if (!row.created_at) return "";
    const label = dayLabel(row.created_at, locale, strings);
    if (!previous) return label === strings.today ? "" : label;
    return previous.created_at && label !== dayLabel(previous.created_at, locale, strings) ? label : "";
  }
}

function keyOf(message) {
  if (message.client_id) return `client-${message.client_id}`;
  return message.reply_id ? `reply-${message.reply_id}` : `seq-${message.seq}`;
}

function isJoined(first, second) {
  if (!first || !second || first.author !== second.author || first.agent_name !== second.agent_name) return false;
  return first.author !== "system";
}

// The customer's last message, if nothing but notes came after it.
function indexOfLastOwn(rows) {
  for (let index = rows.length - 1; index >= 0; index -= 1) {
    if (rows[index].author === "customer") return index;
    if (rows[index].author !== "system") return -1;
  }
  return -1;
}

function doneMark({ state, attachments, rating }) {
  return `${state} ${attachments?.length ?? 0} ${rating ?? ""}`;
}

// At the end of the last words, not on a line of its own.
function cursorPlace(block) {
  return block.localName === "ul" || block.localName === "ol" ? block.lastElementChild : block;
}
