// The list of messages as DOM. Text goes in by textContent only. A node is kept by its key from "sending" or the first
// streamed word to the saved message, so nothing above or below it jumps.

import { icon, messageExtras } from "./extras.js";
import { createReveal } from "./reveal.js";
import { dayLabel, timeLabel } from "./times.js";

export function createList({ log, strings, locale, onRetry, onAsk, onTick }) {
  const nodes = new Map();
  const reveal = createReveal({ onTick });
  let hasHistory = false;

  return function render(state, { isConnected }) {
    const rows = reveal(rowsOf(state), { isHistory: !hasHistory });
    hasHistory ||= state.hasSnapshot;
    const keys = new Set(rows.map((row) => row.key));
    for (const [key, node] of nodes) {
      if (keys.has(key)) continue;
      node.remove();
      nodes.delete(key);
    }
    rows.forEach((row, index) => {
      const node = nodes.get(row.key) ?? create(row);
      update(node, row, { previous: rows[index - 1], next: rows[index + 1], isLastOwn: isLastOwn(rows, index), isConnected });
      if (log.children[index] !== node) log.insertBefore(node, log.children[index] ?? null);
    });
  };

  function create(row) {
    const node = document.createElement("article");
    node.className = "message";
    node.append(
      part("p", "message-day"),
      part("p", "message-name"),
      part("p", "message-text"),
      part("time", "message-time"),
      part("div", "message-extras"),
      part("p", "message-state"),
    );
    nodes.set(row.key, node);
    return node;
  }

  function update(node, row, context) {
    const [day, name, text, time, extras, status] = node.children;
    const joinsPrevious = isJoined(context.previous, row);
    node.dataset.author = row.author;
    node.dataset.state = row.state;
    if (row.seq) node.dataset.seq = row.seq;
    node.toggleAttribute("data-joins-previous", joinsPrevious);
    node.toggleAttribute("data-joins-next", isJoined(row, context.next));
    setText(day, dayOf(context.previous, row));
    setText(name, nameOf(row));
    name.classList.toggle("visually-hidden", row.author !== "agent" || joinsPrevious);
    setText(text, row.text);
    setText(time, row.created_at ? timeLabel(row.created_at, locale) : "");
    time.dateTime = row.created_at ?? "";
    if (row.state === "saved" && row.author === "bot" && !extras.dataset.done) {
      extras.dataset.done = "true";
      extras.replaceChildren(...messageExtras(row, { strings, onAsk }));
    }
    extras.hidden = !extras.childElementCount;
    updateStatus(status, row, context);
  }

  function updateStatus(status, row, { isLastOwn, isConnected }) {
    const wanted = statusOf(row, isLastOwn, isConnected);
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
    const button = part("button", "message-retry");
    button.type = "button";
    button.textContent = strings.tryAgain;
    button.addEventListener("click", () => onRetry(row.client_id));
    return button;
  }

  function statusOf(row, isLastOwn, isConnected) {
    if (row.state === "failed") return row.code === "rate_limited" ? strings.failedTooFast : strings.failed;
    if (row.state === "sending") return isConnected ? strings.sending : strings.waiting;
    return isLastOwn ? strings.sent : "";
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

// What is shown, in order: saved messages, the reply that is being written, then what isn't confirmed yet.
function rowsOf(state) {
  const saved = state.messages.map((message) => ({ ...message, state: "saved", key: keyOf(message) }));
  const { running } = state;
  const streaming = running?.text
    ? [{ key: `reply-${running.reply_id}`, author: "bot", text: running.text, state: "streaming" }]
    : [];
  const pending = state.pending.map((one) => ({
    ...one,
    key: `client-${one.client_id}`,
    author: "customer",
    state: one.status,
  }));
  return [...saved, ...streaming, ...pending];
}

function keyOf(message) {
  if (message.client_id) return `client-${message.client_id}`;
  return message.reply_id ? `reply-${message.reply_id}` : `seq-${message.seq}`;
}

function isJoined(first, second) {
  if (!first || !second || first.author !== second.author || first.agent_name !== second.agent_name) return false;
  return first.author !== "system";
}

function isLastOwn(rows, index) {
  const isOwn = (row) => row.author === "customer";
  return isOwn(rows[index]) && !rows.slice(index + 1).some((row) => isOwn(row) || row.seq);
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
  node.hidden = !text;
}

function part(tag, className) {
  const node = document.createElement(tag);
  node.className = className;
  return node;
}
