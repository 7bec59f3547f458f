// The menu of a conversation (assign, snooze, tags) and the filter form: a dialog around a partial of the server.
import { elements, partial } from "./partials.js";
import { texts } from "./texts.js";

const dialog = document.getElementById("desk-dialog");
const body = document.getElementById("desk-dialog-body");
const title = document.getElementById("desk-dialog-title");

export async function openMenu(id) {
  if (id) await show(`/desk/conversations/${id}/menu/`, texts.menuTitle);
}

export function installMenus() {
  document.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target.closest("[data-conversation-menu]");
    const filters = event.target.closest("#show-filters");
    if (!link && !filters) return;
    event.preventDefault();
    event.stopPropagation();
    if (link) openMenu(link.dataset.conversationMenu);
    else show(filters.href, texts.filters);
  });
  body.addEventListener("submit", (event) => post(event));
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
}

async function show(url, heading) {
  try {
    body.replaceChildren(...elements(await partial(url, { headers: { "X-Partial": "1" } })));
  } catch {
    location.assign(url); // the same as a page of its own
    return;
  }
  title.textContent = heading;
  if (!dialog.open) dialog.showModal();
}

async function post(event) {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  const data = new FormData(form, event.submitter);
  if (form.matches("[data-moment]") && data.get("until")) data.set("until", new Date(data.get("until")).toISOString());
  const name = event.submitter?.name;
  try {
    const response = await fetch(form.action, { method: "POST", body: data, headers: { "X-Partial": "1" } });
    if (response.redirected || ![200, 400, 409].includes(response.status)) throw new Error(String(response.status));
    body.replaceChildren(...elements(await response.text()));
    const again = form.action.endsWith("/tag/") ? body.querySelector("#add-tag") : null;
    (again ?? body.querySelector(name ? `[name="${name}"]` : "button") ?? body).focus();
  } catch {
    const alert = body.querySelector("[role=alert]");
    alert.textContent = texts.notSaved;
    alert.hidden = false;
  }
}
