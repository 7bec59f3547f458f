// The one text box: Enter sends, Shift+Enter breaks the line, Enter for an input method does neither. Grows with its text.

import { watchComposition } from "../webui/ime.js";

// By `field-sizing` in chat.css: without it a key costs two layouts of the page.
const GROWS_BY_ITSELF = CSS.supports("field-sizing", "content");

export function createComposer({ form, maxChars, strings, onSend, onInput, mayBeEmpty = () => false }) {
  const box = form.querySelector("textarea");
  const counter = form.querySelector("[data-counter]");
  const button = form.querySelector("button[type=submit]");
  const isForIme = watchComposition(box);

  box.addEventListener("input", () => {
    refresh();
    onInput?.(box.value);
  });
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || isForIme(event)) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });

  function submit() {
    const text = box.value.trim();
    if ((!text && !mayBeEmpty()) || numChars(text) > maxChars) return;
    if (onSend(text) === false) return;
    box.value = "";
    refresh();
    onInput?.("");
    box.focus();
  }

  function refresh() {
    if (!GROWS_BY_ITSELF) grow();
    const left = maxChars - numChars(box.value.trim());
    counter.hidden = left > 200;
    const words = (left < 0 ? strings.tooLong : strings.counter).replace("{left}", left).replace("{over}", -left);
    if (!counter.hidden) counter.textContent = words;
    set(box, "aria-invalid", left < 0);
    set(button, "aria-disabled", left < 0 || (!box.value.trim() && !mayBeEmpty()));
  }

  function grow() {
    box.style.height = "auto";
    if (box.scrollHeight) box.style.height = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`; // 0 while hidden
  }

  // Only when it changes: every key comes through here.
  function set(node, name, value) {
    if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }

  refresh();
  return {
    focus: () => box.focus(),
    refresh,
    text: () => box.value,
    disable: () => (box.disabled = true),
    enable: () => (box.disabled = false),
    // Puts text where the caret is: dictated words, an emoji.
    insert(text) {
      box.setRangeText(text, box.selectionStart, box.selectionEnd, "end");
      box.dispatchEvent(new Event("input"));
    },
    // Gives a refused text back, before whatever was typed since.
    putBack(text) {
      box.value = box.value ? `${text}\n${box.value}` : text;
      refresh();
    },
  };
}

// Characters as the server counts them: a surrogate pair is one.
function numChars(text) {
  return [...text].length;
}
