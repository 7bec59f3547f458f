// A turn's verdict: the form is saved in place, and a refusal says why with everything that was written kept.
import { elements } from "./partials.js";

// Saves the form of this submit event and puts the saved one in its place. Gives the verdict, or null when it wasn't saved.
export async function saveMark(event) {
  const form = event.target.closest("form.turn-mark");
  if (!form) return null;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const address = event.submitter?.getAttribute("formaction") ?? form.action;
  const wasOpen = form.querySelector(".mark-more").open;
  setDisabled(form, true);
  const problem = await post(form, address, body);
  if (!problem.saved) {
    setDisabled(form, false);
    const alert = form.querySelector("[role=alert]");
    alert.textContent = problem.text;
    alert.hidden = false;
    if (problem.code === "no_sentiment") form.querySelector("[name=sentiment]:not([value=''])").focus();
    return null;
  }
  const verdict = body.get("verdict");
  form.replaceWith(problem.saved);
  problem.saved.querySelector(".mark-more").open ||= wasOpen && verdict !== "right";
  problem.saved.querySelector(`[name=verdict][value="${verdict}"]:not([data-save])`)?.focus({ preventScroll: true });
  return { form: problem.saved, verdict };
}

async function post(form, address, body) {
  try {
    const response = await fetch(address, { method: "POST", body, headers: { "X-Partial": "1" } });
    if (response.redirected) location.assign(response.url); // logged out
    if (response.status === 400) return await response.json();
    if (!response.ok) throw new Error(String(response.status));
    return { saved: elements(await response.text())[0] };
  } catch {
    return { text: form.querySelector("[role=alert]").dataset.lost };
  }
}

function setDisabled(form, isDisabled) {
  for (const button of form.querySelectorAll("button")) button.disabled = isDisabled;
}
