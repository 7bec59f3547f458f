// Speaking instead of typing, and answers read aloud, where the browser can; nothing is shown where it can't.

import { icon } from "../dom.js";
import { spokenWords } from "../markdown.js";
import { plainButton } from "./answers.js";

export function install(chat) {
  const { strings } = chat;
  const language = chat.locale.startsWith("zh") ? "zh-CN" : "en-US";
  const Recognition = window.SpeechRecognition ?? window.webkitSpeechRecognition;
  const voices = window.speechSynthesis;
  let recognition = null;
  const button = Recognition ? plainButton("composer-tool", "", toggle) : null;
  if (button) {
    button.append(icon("microphone"));
    button.hidden = true; // until the server says that the company wants it
    show(false);
  }
  const onOffers = ({ detail }) => {
    if (button) button.hidden = !detail.voice;
    chat.root.toggleAttribute("data-voice", Boolean(detail.voice));
  };
  chat.root.addEventListener("kefu:offers", onOffers);

  return {
    composerTools: () => (button ? [button] : []),
    messageExtras: (message) => (voices && ["bot", "agent"].includes(message.author) && message.text ? [reader(message)] : []),
    destroy: () => {
      recognition?.abort();
      voices?.cancel();
      chat.root.removeEventListener("kefu:offers", onOffers);
    },
  };

  function toggle() {
    if (recognition) {
      recognition.stop();
      return;
    }
    recognition = new Recognition();
    recognition.lang = language;
    recognition.addEventListener("result", (event) => {
      const last = event.results[event.results.length - 1];
      if (last.isFinal) chat.composer.insert(apart(last[0].transcript.trim()));
    });
    recognition.addEventListener("error", (event) => event.error !== "aborted" && chat.announce(strings.voiceFailed));
    recognition.addEventListener("end", () => {
      recognition = null;
      show(false);
      chat.composer.focus();
    });
    recognition.start();
    show(true);
  }

  // A word isn't glued to the one before it; Chinese has no gaps.
  function apart(words) {
    return /[\p{L}\p{N}.,!?]$/u.test(chat.composer.text()) && !/[\u3000-\u9fff\uff00-\uffef]/.test(words[0]) ? ` ${words}` : words;
  }

  function show(isListening) {
    const label = isListening ? strings.voiceStop : strings.voiceStart;
    button.setAttribute("aria-pressed", String(isListening));
    button.setAttribute("aria-label", label);
    button.title = label;
  }

  function reader(message) {
    const read = plainButton("thumb read-aloud", "", () => {
      const isReading = read.getAttribute("aria-pressed") === "true";
      voices.cancel();
      if (isReading) return;
      const words = new SpeechSynthesisUtterance(spokenWords(message.text));
      words.lang = /[\u3400-\u9fff]/.test(message.text) ? "zh-CN" : "en-US";
      words.addEventListener("end", () => read.setAttribute("aria-pressed", "false"));
      words.addEventListener("error", () => read.setAttribute("aria-pressed", "false"));
      read.setAttribute("aria-pressed", "true");
      voices.speak(words);
    });
    read.append(icon("speaker", "icon icon-small"));
    read.setAttribute("aria-label", strings.readAloud);
    read.setAttribute("aria-pressed", "false");
    read.title = strings.readAloud;
    return read;
  }
}
