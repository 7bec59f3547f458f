// Under a finished answer: where it comes from (with the date of the approved text), the options of a clarifying
// question, a note when a person will follow up, and the customer's thumb with a reason.

import { element, icon } from "../dom.js";
import { dateLabel } from "../times.js";

let numDisclosures = 0;

export function install(chat) {
  return {
    messageExtras(message) {
      if (message.author !== "bot") return [];
      const context = { strings: chat.strings, locale: chat.locale, onAsk: chat.send };
      const extras = answerExtras(message, context);
      if (message.reply_id && message.action !== "clarify") extras.push(thumbs(message, chat));
      return extras;
    },
  };
}

function answerExtras(message, { strings, locale = "en", onAsk }) {
  const extras = [];
  if (message.options?.length) extras.push(optionList(message.options, onAsk));
  if (message.sources?.length) extras.push(sourceList(message.sources, strings, locale));
  const note = message.degraded ? strings.noteDegraded : message.action === "handoff" ? strings.noteHandoff : "";
  if (note) extras.push(element("p", "message-note", icon("person", "icon icon-small"), note));
  return extras;
}

function optionList(options, onAsk) {
  const list = element("ul", "message-options");
  for (const { question } of options) {
    list.append(element("li", "", plainButton("option", question, () => onAsk(question))));
  }
  return list;
}

function sourceList(sources, strings, locale) {
  const list = element("ul", "message-sources");
  list.setAttribute("aria-label", strings.source);
  const once = sources.filter((source, at) => sources.findIndex((one) => one.id === source.id) === at);
  list.append(...once.map((source) => element("li", "", ...disclosure(source, strings, locale))));
  return list;
}

function disclosure(source, strings, locale) {
  const panel = element("p", "source-text", source.text);
  panel.id = `source-${++numDisclosures}`;
  const label = element("span", "source-label", ...sourceLabel(source, strings, locale));
  const button = plainButton("source", "", () => setOpen(panel.hidden));
  button.append(icon("source", "icon icon-small"), label, icon("chevron", "icon icon-small source-chevron"));
  button.setAttribute("aria-controls", panel.id);
  const setOpen = (isOpen) => {
    panel.hidden = !isOpen;
    button.setAttribute("aria-expanded", String(isOpen));
    button.title = (isOpen ? strings.sourceClose : strings.sourceOpen).replace("{question}", () => source.question);
  };
  setOpen(false);
  return [button, panel];
}

// The date is never cut off, however long the title; after a question mark there is no comma.
function sourceLabel(source, strings, locale) {
  const date = source.updated_at ? new Date(source.updated_at) : null;
  if (!date || Number.isNaN(date.getTime()) || !strings.fromSource) return [element("span", "source-title", source.question)];
  const [before, after] = strings.fromSource.replace("{date}", dateLabel(date, locale)).split("{title}");
  const rest = /[?？!！.。…]$/.test(source.question) ? after.replace(/^[,，]/, "") : after;
  return [element("span", "source-title", before, source.question), element("span", "", rest)];
}

function thumbs(message, chat) {
  const { strings } = chat;
  const box = element("div", "thumbs");
  box.setAttribute("role", "group");
  box.setAttribute("aria-label", strings.wasHelpful);
  const buttons = { up: thumb("up", strings.helpful), down: thumb("down", strings.notHelpful) };
  let form = null; // made when it is needed: most answers never are
  const status = element("p", "thumbs-status");
  status.setAttribute("role", "status");
  box.append(buttons.up, buttons.down, status);
  let rating = message.rating ?? "";
  show();
  return box;

  function thumb(name, label) {
    const button = plainButton("thumb", "", () => rate(rating === name ? "" : name));
    button.append(icon(`thumb-${name}`, "icon icon-small"));
    button.setAttribute("aria-label", label);
    button.title = label;
    return button;
  }

  async function rate(wanted, reason = "") {
    const before = rating;
    rating = wanted;
    askForReason(wanted === "down" && !reason);
    show();
    const isKept = await send(chat, `replies/${message.reply_id}/rating/`, { rating: wanted, reason });
    if (!isKept) rating = before;
    status.textContent = !isKept ? strings.notKept : wanted ? strings.thanks : "";
    if (isKept) message.rating = wanted; // the node's own copy: no new drawing under the reader's finger
    show();
  }

  function askForReason(isAsked) {
    if (!isAsked) return form?.remove();
    form ??= reasonForm();
    box.append(form);
    form.scrollIntoView({ block: "nearest" });
    return form.querySelector("button").focus();
  }

  function reasonForm() {
    const form = element("div", "thumbs-reasons");
    form.append(element("p", "", strings.whatWasWrong));
    for (const reason of strings.thumbReasons.split("|")) {
      form.append(plainButton("option option-small", reason, () => {
        rate("down", reason);
        buttons.down.focus();
      }));
    }
    return form;
  }

  function show() {
    for (const [name, button] of Object.entries(buttons)) button.setAttribute("aria-pressed", String(rating === name));
  }
}

export async function send(chat, path, body) {
  try {
    return (await chat.api(path, { method: "POST", body })).ok;
  } catch {
    return false;
  }
}

export function plainButton(className, text, onClick) {
  const button = element("button", className, text);
  button.type = "button";
  button.addEventListener("click", onClick);
  return button;
}
