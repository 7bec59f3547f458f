// What stands around the messages: the office and the queue under the header, the form before the chat, a message left
// outside office hours, and the rating at the end. Asks the server for the facts when the conversation's state changes.

import { newClientId } from "../../webui/client_id.js";
import { element, icon } from "../dom.js";
import { timeLabel } from "../times.js";
import { plainButton, send } from "./answers.js";

const ASK_EVERY_MS = 30_000; // only while somebody waits in the queue

export function install(chat) {
  const { strings } = chat;
  const isHan = chat.locale.startsWith("zh");
  const gap = isHan ? "" : " "; // a full-width stop or bracket brings its own
  let facts = null;
  let timer = 0;
  let asked = "";
  let numAsked = 0;
  let hasRated = false;

  return { onState, onEvent, destroy: () => clearTimeout(timer) };

  // The company asks for a form since this page was loaded.
  async function onEvent(type, { code }) {
    if (type !== "error" || code !== "form_required") return;
    chat.announce(strings.formFirst);
    await refresh();
    chat.find("gate")?.querySelector("input")?.focus();
  }

  function onState(state) {
    const now = state.conversation;
    const key = [state.conversationId, now?.status, now?.needs_human, now?.handled_by].join();
    if (!state.conversationId || key === asked) return;
    if (!asked.startsWith(state.conversationId)) hasRated = false;
    asked = key;
    refresh();
  }

  async function refresh() {
    clearTimeout(timer);
    const number = ++numAsked;
    const id = chat.client.conversationId();
    try {
      const response = await chat.api(`conversations/${id}/state/?language=${chat.options.language}`);
      if (!response.ok || number !== numAsked) return;
      facts = await response.json();
    } catch {
      timer = setTimeout(refresh, ASK_EVERY_MS);
      return;
    }
    chat.offers = facts.offers;
    chat.root.dispatchEvent(new CustomEvent("kefu:offers", { detail: facts.offers }));
    showBanner();
    showGate();
    showEnd();
    if (facts.wait) timer = setTimeout(refresh, ASK_EVERY_MS);
  }

  function showBanner() {
    const slot = chat.find("banner");
    if (!slot) return;
    const lines = [];
    if (facts.wait) lines.push(line("people", placeText(facts.wait)));
    if (!facts.office.is_open) lines.push(line("clock", officeText(facts.office)));
    if (facts.office.can_leave_message && !facts.form) lines.push(plainButton("banner-action", strings.leaveMessage, openLeave));
    slot.replaceChildren(...lines);
    slot.hidden = !lines.length;
  }

  function line(name, text) {
    return element("p", "banner-line", icon(name, "icon icon-small"), element("span", "", text));
  }

  function placeText({ place, waited_s, expected_s }) {
    const start = place === 1 ? strings.youAreNext : strings.queuePlace.replace("{place}", place);
    return start + gap + waitText(waited_s, expected_s);
  }

  function waitText(waited_s, expected_s) {
    if (expected_s === null) return strings.waitUnknown;
    if (waited_s >= expected_s) return strings.waitLonger;
    return strings.waitExpected.replace("{minutes}", Math.max(1, Math.ceil((expected_s - waited_s) / 60)));
  }

  function officeText({ opens_at }) {
    if (!opens_at) return strings.officeClosed;
    const isFar = (new Date(opens_at) - Date.now()) / 86_400_000 > 6;
    const options = { weekday: "long", ...(isFar ? { month: "long", day: "numeric" } : {}) };
    const day = new Intl.DateTimeFormat(chat.locale, options).format(new Date(opens_at));
    const when = `${day} ${timeLabel(opens_at, chat.locale)}`;
    return strings.officeOpens.replace("{when}", isHan ? `${when} ` : when); // digits stand apart from Han characters
  }

  function showGate() {
    const slot = chat.find("gate");
    if (!slot) return;
    const { form } = facts;
    chat.setGate(Boolean(form));
    slot.hidden = !form;
    if (!form || slot.childElementCount) return;
    const fields = form.fields.map((name) => field(name, { isRequired: form.is_required, value: facts.contact[name] }));
    const consent = form.consent_text ? consentBox(form) : null;
    const node = formNode(strings.formTitle, strings.formText, [...fields, consent], strings.formSend, (values) =>
      post("form/", { ...values, has_consented: Boolean(consent?.querySelector("input").checked) }, node));
    if (!form.is_required && !form.is_consent_required) {
      node.querySelector(".form-actions").append(
        plainButton("button button-quiet", strings.formSkip, () => post("form/", { is_skipped: true }, node)),
      );
    }
    slot.replaceChildren(node);
    node.querySelector("input")?.focus();
  }

  function consentBox(form) {
    const box = element("input");
    Object.assign(box, { type: "checkbox", name: "consent" });
    box.setAttribute("aria-required", String(form.is_consent_required));
    return element("label", "form-consent", box, element("span", "", form.consent_text));
  }

  function openLeave() {
    const slot = chat.find("end");
    const fields = [
      field("name", { value: facts.contact.name }),
      field("email", { isRequired: true, value: facts.contact.email }),
      field("text", { isRequired: true, isLong: true, value: chat.composer.text() }),
    ];
    const client_id = newClientId();
    const node = formNode(strings.leaveMessage, strings.leaveText, fields, strings.leaveSend, (values) =>
      post("message/", { ...values, client_id }, node));
    node.querySelector(".form-actions").append(plainButton("button button-quiet", strings.cancel, () => {
      slot.replaceChildren();
      chat.find("banner").querySelector("button")?.focus();
    }));
    slot.replaceChildren(node);
    slot.hidden = false;
    node.querySelector("input").focus();
    node.scrollIntoView({ block: "nearest" });
  }

  function field(name, { isRequired = false, isLong = false, value = "" }) {
    const input = element(isLong ? "textarea" : "input", "input");
    const id = `kefu-${name}-${Math.random().toString(36).slice(2, 8)}`;
    input.id = id;
    input.name = name;
    input.value = value ?? "";
    if (!isLong) input.type = name === "email" ? "email" : "text";
    input.autocomplete = { name: "name", email: "email" }[name] ?? "off";
    if (isRequired) input.setAttribute("aria-required", "true");
    const mark = isRequired ? "" : gap + strings.optional;
    const label = element("label", "", `${strings[`field_${name}`]}${mark}`);
    label.htmlFor = id;
    const error = element("p", "field-error");
    error.id = `${id}-error`;
    error.hidden = true;
    input.setAttribute("aria-describedby", error.id);
    const node = element("div", "field", label, input, error);
    node.dataset.field = name;
    return node;
  }

  function formNode(title, text, parts, action, onSend) {
    const button = element("button", "button button-primary", action);
    button.type = "submit";
    const status = element("p", "field-error");
    status.setAttribute("role", "alert");
    const node = element("form", "chat-form", element("h3", "", title), element("p", "muted", text), ...parts, status,
      element("div", "form-actions", button));
    node.noValidate = true;
    node.addEventListener("submit", (event) => {
      event.preventDefault();
      onSend(Object.fromEntries([...node.querySelectorAll("[data-field] .input")].map((one) => [one.name, one.value])));
    });
    return node;
  }

  async function post(path, body, node) {
    const status = node.querySelector("[role=alert]");
    status.textContent = "";
    try {
      const id = chat.client.conversationId();
      const response = await chat.api(`conversations/${id}/${path}?language=${chat.options.language}`, { method: "POST", body });
      if (response.ok) {
        node.remove();
        await refresh();
        sendWhatWaitedForForm();
        chat.composer.focus();
      } else showProblems(node, (await response.json()).problems ?? {});
    } catch {
      status.textContent = strings.notKept;
    }
  }

  function sendWhatWaitedForForm() {
    for (const one of chat.state().pending) if (one.code === "form_required") chat.client.retry(one.client_id);
  }

  function showProblems(node, problems) {
    for (const part of node.querySelectorAll("[data-field]")) {
      const code = problems[part.dataset.field];
      const error = part.querySelector(".field-error");
      error.textContent = code ? strings[`problem_${code}`] : "";
      error.hidden = !code;
      part.querySelector(".input").setAttribute("aria-invalid", String(Boolean(code)));
    }
    node.querySelector("[role=alert]").textContent = problems.consent ? strings.consentNeeded : "";
    node.querySelector("[aria-invalid=true]")?.focus();
  }

  function showEnd() {
    const slot = chat.find("end");
    const isClosed = chat.state().conversation?.status === "closed";
    if (!slot || slot.querySelector("form")) return;
    const isAsked = isClosed && !hasRated && facts.rating === null;
    slot.hidden = !isAsked;
    slot.replaceChildren(...(isAsked ? [ratingForm(slot)] : []));
  }

  function ratingForm(slot) {
    let chosen = 0;
    const stars = element("fieldset", "stars", element("legend", "", strings.rateTitle));
    for (let n = 1; n <= 5; n += 1) {
      const radio = element("input", "visually-hidden");
      Object.assign(radio, { type: "radio", name: "kefu-stars", value: String(n) });
      radio.setAttribute("aria-label", strings.stars.replace("{n}", n));
      radio.addEventListener("change", () => {
        chosen = n;
        stars.querySelectorAll("label").forEach((label, at) => label.toggleAttribute("data-on", at < n));
        more.hidden = false;
        more.scrollIntoView({ block: "nearest" });
      });
      stars.append(element("label", "star", radio, icon("star", "icon")));
    }
    const comment = element("textarea", "input");
    comment.setAttribute("aria-label", strings.rateComment);
    comment.placeholder = strings.rateComment;
    const more = element("div", "form-actions", comment, plainButton("button button-primary", strings.rateSend, async () => {
      const path = `conversations/${chat.client.conversationId()}/rating/`;
      if (!(await send(chat, path, { rating: chosen, comment: comment.value }))) return chat.announce(strings.notKept);
      hasRated = true;
      slot.replaceChildren(element("p", "muted", strings.thanks));
      chat.announce(strings.thanks);
      return chat.composer.focus();
    }));
    more.hidden = true;
    return element("div", "chat-form", stars, more);
  }
}
