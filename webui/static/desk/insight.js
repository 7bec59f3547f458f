// The page /desk/insight/: filters go into the address and fetch the body anew; an error keeps what was there.

import { drawCharts } from "./insight_charts.js";

const form = document.getElementById("insight-filters");
const body = document.getElementById("insight-body");
const error = document.getElementById("insight-error");
const announcer = document.getElementById("insight-announcer");
let latest = 0;

drawCharts(body);
document.getElementById("insight-apply").hidden = true;
form.addEventListener("change", () => show(address()));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  show(address());
});
document.getElementById("insight-retry").addEventListener("click", () => show(address()));
window.addEventListener("popstate", () => location.reload());
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawCharts(body));

function address() {
  const chosen = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  if (chosen.get("days") === "30") chosen.delete("days");
  return chosen.size ? `${form.action}?${chosen}` : form.action;
}

async function show(url) {
  const mine = ++latest;
  body.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(url, { headers: { "X-Partial": "1" }, redirect: "error" });
    if (!response.ok) throw new Error(String(response.status));
    const html = await response.text();
    if (mine !== latest) return;
    body.replaceChildren(...new DOMParser().parseFromString(html, "text/html").body.childNodes);
    if (url !== location.href) history.pushState(null, "", url);
    drawCharts(body);
    error.hidden = true;
    announcer.textContent = announcer.dataset.loaded;
  } catch {
    if (mine === latest) error.hidden = false;
  } finally {
    if (mine === latest) body.removeAttribute("aria-busy");
  }
}
