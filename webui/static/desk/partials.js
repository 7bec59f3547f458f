// HTML partials from the server, and times in the browser's own zone.

export class HttpError extends Error {
  constructor(status) {
    super(`HTTP ${status}`);
    this.status = status;
  }
}

// The HTML at `url`; "" when the server has nothing for it. Throws HttpError; leaves for the login when it ended.
export async function partial(url, options = {}) {
  const response = await fetch(url, { credentials: "same-origin", ...options });
  if (response.redirected && new URL(response.url).pathname.startsWith("/login")) {
    location.assign(response.url);
    throw new HttpError(401);
  }
  if (!response.ok) throw new HttpError(response.status);
  return response.status === 204 ? "" : response.text();
}

// What a POST was refused for: `problem.code`, and `problem.agent_name` where somebody else was first.
export class PostError extends Error {
  constructor(problem) {
    super(problem.code);
    this.problem = problem;
  }
}

// The HTML that answers a POST of these fields, or of a form's data as it is. Throws PostError for what the server
// refuses, and whatever fetch throws.
export async function post(url, fields = {}) {
  const body = fields instanceof FormData ? fields : withToken(fields);
  const response = await fetch(url, { method: "POST", body, headers: { "X-Partial": "1" } });
  if (response.redirected) location.assign(response.url); // logged out
  if (response.status === 409 || response.status === 400) throw new PostError(await response.json().catch(() => ({})));
  if (!response.ok) throw new HttpError(response.status);
  return response.text();
}

function withToken(fields) {
  const csrfmiddlewaretoken = document.querySelector("[name=csrfmiddlewaretoken]").value;
  return new URLSearchParams({ csrfmiddlewaretoken, ...fields });
}

export function elements(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  localiseTimes(template.content);
  return [...template.content.children];
}

const language = document.documentElement.lang;
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const precise = new Intl.DateTimeFormat(language, {
  hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23",
});
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });

export function localiseTimes(root) {
  for (const time of root.querySelectorAll("time[data-style]")) {
    const at = new Date(time.dateTime);
    time.title = full.format(at);
    time.textContent = write(at, time.dataset.style);
  }
}

function write(at, style) {
  if (style === "full") return full.format(at);
  if (style === "precise") return precise.format(at);
  if (style === "list" && at.toDateString() !== new Date().toDateString()) return day.format(at);
  return clock.format(at);
}

// Calls `work` once, `wait_ms` after the first of many calls.
export function soon(work, wait_ms) {
  let timer = null;
  return () => {
    timer ??= setTimeout(() => { timer = null; work(); }, wait_ms);
  };
}
