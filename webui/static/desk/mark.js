// A turn's verdict: the form is saved in place, and a refusal says why with everything that was written kept.
import { PostError, elements, post } from "./partials.js";

// Saves the form of this submit event and puts the saved one in its place. Gives the verdict, or null when it wasn't saved.
export async function saveMark(event) {
  const form = event.target.closest("form.turn-mark");
  if (!form) return null;
  event.preventDefault();
  const body = new FormData(form, event.submitter);
  const address = event.submitter?.getAttribute("formaction") ?? form.action;
  const wasOpen = form.querySelector(".mark-more").open;
  setDisabled(form, true);
  const problem = await save(form, address, body);
  if (!problem.saved) {
    setDisabled(form, false);
    const alert = form.querySelector("[role=alert]");
    alert.textContent = problem.text;
    alert.hidden = false;
    if (problem.code === "no_sentiment") form.querySelector("[name=sentiment]:not([value=''])").focus();
    return null;
  }
  const verdict = body.get("verdict");
  const { saved } = problem;
  const focused = form.contains(document.activeElement) ? document.activeElement : null;
  const isWritten = carryOver(form, saved, body);
  saved.querySelector(".mark-more").open ||= wasOpen && verdict !== "right";
  form.replaceWith(saved);
  if (focused?.matches("textarea, select, input")) keepPlace(focused, saved);
  else saved.querySelector(`[name=verdict][value="${verdict}"]:not([data-save])`)?.focus({ preventScroll: true });
  return { form: saved, verdict, isWritten };
}

// What was written while the answer was on its way belongs into the saved form; true when there was any.
function carryOver(form, saved, body) {
  let isWritten = false;
  for (const field of form.querySelectorAll("textarea, select, input:not([type=hidden])")) {
    if ((field.type === "radio" && !field.checked) || field.value === body.get(field.name)) continue;
    saved.elements[field.name].value = field.value;
    isWritten = true;
  }
  return isWritten;
}

function keepPlace(focused, saved) {
  const field = focused.id ? saved.querySelector(`#${CSS.escape(focused.id)}`) : saved.querySelector(`[name="${focused.name}"]:checked`);
  field?.focus({ preventScroll: true });
  if (field?.matches("textarea")) field.setSelectionRange(focused.selectionStart, focused.selectionEnd);
}

async function save(form, address, body) {
  try {
    return { saved: elements(await post(address, body))[0] };
  } catch (error) {
    const isTold = error instanceof PostError && error.problem.text;
    return isTold ? error.problem : { text: form.querySelector("[role=alert]").dataset.lost };
  }
}

function setDisabled(form, isDisabled) {
  for (const button of form.querySelectorAll("button")) button.disabled = isDisabled;
}
