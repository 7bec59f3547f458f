// The chat in any element: `mountChat(root, options)`. Frames change the state, the state is rendered; what is rendered
// and how is in the other modules, and features come from features/index.js, whose `install(chat)` returns hooks:
// onState, messageBody, messageExtras, composerTools, above, menuItems, beforeSend, onEvent, destroy.
//
// `root` may be in a document or in a shadow root; it holds the markup of templates/chat/chat.html. Nothing outside it
// is looked at. Options are made by webui/chat/options.py.

import { createRequest } from "./api.js";
import { createClient } from "./client.js";
import { createComposer } from "./composer.js";
import { createConversations } from "./conversations.js";
import { element, icon } from "./dom.js";
import { features } from "./features/index.js";
import { spokenWords } from "./markdown.js";
import { createMenu } from "./menu.js";
import { createList } from "./render.js";
import { followNewest } from "./scroll.js";
import * as store from "./store.js";
import { createTyping } from "./typing.js";
import { createUnsent } from "./unsent.js";
import { systemText } from "./system.js";

const LOST_BAR_AFTER_MS = 1_200;

export function mountChat(root, options) {
  const listeners = new Map();
  const request = createRequest(options);
  let view = null;
  let isOpen = true;
  let numUnread = 0;
  let seenSeq = 0;
  const client = createClient({
    endpoints: options.endpoints,
    token: options.token,
    request,
    unsent: createUnsent(options.storageKey),
    language: options.language.slice(0, 2),
    timing: options.timing,
    onChange: (state, before, cause) => view?.changed(state, before, cause),
    onConnection: (kind) => {
      view?.connection(kind);
      emit("connection", kind);
    },
    onError: (data) => view?.told("error", data),
    onRefused: (message, code) => view?.refused(message, code),
    onFailed: () => view?.announce(view.strings.failed),
  });
  view = createView(options);
  root.addEventListener("focusin", markSeen);
  document.addEventListener("visibilitychange", markSeen);

  return {
    open: () => setOpen(true),
    close: () => setOpen(false),
    send: (text) => view.send(text),
    focus: () => view.focus(),
    state: client.state,
    numNodes: () => view.numNodes(),
    kind: client.kind,
    on,
    setLanguage,
    destroy() {
      document.removeEventListener("visibilitychange", markSeen);
      root.removeEventListener("focusin", markSeen);
      view.destroy();
      client.destroy();
      root.replaceChildren();
    },
  };

  function on(name, listener) {
    if (!listeners.has(name)) listeners.set(name, new Set());
    listeners.get(name).add(listener);
    return () => listeners.get(name).delete(listener);
  }

  function emit(name, ...details) {
    for (const listener of listeners.get(name) ?? []) listener(...details);
  }

  function setOpen(value) {
    isOpen = value;
    if (isOpen) {
      numUnread = 0;
      view.settle();
      markSeen();
    }
    emit(isOpen ? "open" : "close");
  }

  // The same conversation, with new words around it; what was being written stays in the box.
  async function setLanguage(language) {
    const url = new URL(options.endpoints.panel, location.href);
    url.searchParams.set("language", language);
    if (root.querySelector("[data-closer]")) url.searchParams.set("panel", "1");
    const response = await request(url);
    if (!response.ok) return false;
    const fresh = await response.json();
    const draft = view.draft();
    view.destroy();
    const parsed = new DOMParser().parseFromString(fresh.html, "text/html");
    const section = root.matches("[data-chat]") ? parsed.querySelector("[data-chat]") : parsed.body;
    root.replaceChildren(...section.childNodes);
    root.lang = fresh.options.locale;
    view = createView({ ...options, ...fresh.options, endpoints: options.endpoints, token: options.token });
    view.restore(draft);
    client.setLanguage(language.slice(0, 2));
    emit("language", language);
    return true;
  }

  function markSeen() {
    const seq = store.lastSeq(client.state());
    if (!isOpen || document.hidden || seq <= seenSeq) return;
    if (client.say({ type: "message.seen", seq })) seenSeq = seq;
  }

  function createView(shown) {
    const { strings } = shown;
    const places = new Map(); // what comes after the messages is a long way to look for
    const find = (name) => {
      if (!places.has(name)) places.set(name, root.querySelector(`[data-${name}]`));
      return places.get(name);
    };
    const abort = new AbortController();
    let barTimer = 0;
    let isGateClosed = false;
    const hooks = [];
    const chat = {
      root,
      find,
      options: shown,
      strings,
      locale: shown.locale,
      features: shown.features,
      icon,
      element,
      state: client.state,
      client: { send: client.say, retry: client.retry, conversationId: () => client.state().conversationId },
      send,
      api: (path, init) => request(new URL(path, new URL(shown.endpoints.api, location.href)), init),
      announce,
      render: () => show({}),
      updateMessage: (seq, changes) => client.change(store.updateMessage(client.state(), seq, changes)),
      setGate,
      setLanguage,
      on,
    };
    const typing = createTyping({ say: client.say });
    const composer = createComposer({
      form: find("composer"),
      maxChars: shown.maxChars,
      strings,
      onSend(text) {
        const isSent = send(text);
        if (isSent) typing.sent();
        return isSent;
      },
      onInput: typing.wrote.bind(typing),
      mayBeEmpty: () => hooks.some((hook) => hook.hasAttachments?.()),
    });
    chat.composer = composer;
    const follower = followNewest({ scroller: find("scroller"), pill: find("pill") });
    const list = createList({
      log: find("log"),
      scroller: find("scroller"),
      strings,
      locale: shown.locale,
      hooks,
      onRetry: (id) => {
        client.retry(id);
        composer.focus();
      },
      onAsk: send,
      onTick: () => show({}),
      onNeedEarlier: client.loadEarlier,
    });
    const conversations = createConversations({
      find,
      strings,
      locale: shown.locale,
      onWish: () => client.say({ type: "conversation.list" }),
      onOpen: client.openConversation,
      onStart: client.startConversation,
    });
    hooks.push(...features.map((install) => install(chat) ?? {}));
    for (const hook of hooks) {
      find("tools")?.append(...(hook.composerTools?.() ?? []));
      find("above")?.append(...(hook.above?.() ?? []));
    }
    createMenu({ find, items: () => hooks.flatMap((hook) => hook.menuItems?.() ?? []), signal: abort.signal });
    listen(find("stop"), () => client.say({ type: "reply.stop" }));
    listen(find("person"), () => {
      client.say({ type: "person.request" });
      composer.focus();
    });
    root.addEventListener("kefu:offers", () => follower.settle(), { signal: abort.signal }); // more under each answer
    for (const button of root.querySelectorAll("[data-ask]")) listen(button, () => send(button.textContent.trim()));
    show({});

    return {
      strings,
      announce,
      changed,
      connection,
      refused,
      told,
      send,
      focus: composer.focus,
      numNodes: list.numNodes,
      settle: () => follower.settle(),
      draft: () => composer.text(),
      restore: (text) => text && composer.insert(text),
      destroy() {
        abort.abort();
        clearTimeout(barTimer);
        for (const hook of hooks) hook.destroy?.();
      },
    };

    function listen(node, act) {
      node?.addEventListener("click", act, { signal: abort.signal });
    }

    function send(text) {
      const draft = { text, attachments: [] };
      if (isGateClosed || hooks.some((hook) => hook.beforeSend?.(draft) === false)) return false;
      if (!draft.text && !draft.attachments.length) return false;
      client.send(draft.text, draft.attachments);
      return true;
    }

    function setGate(isClosed) {
      isGateClosed = isClosed;
      if (isClosed) composer.disable();
      else composer.enable();
    }

    function changed(state, before, { isOwn = false, frame }) {
      const isNew =
        state.messages.at(-1)?.seq > (before.messages.at(-1)?.seq ?? 0) || Boolean(state.running && !before.running);
      show({ isNew, isOwn });
      announceNew(state, before);
      markSeen();
      for (const hook of hooks) {
        hook.onState?.(state, before);
      }
      if (frame) told(frame.type, frame.data);
      emit("state", state, before);
    }

    function told(type, data) {
      for (const hook of hooks) hook.onEvent?.(type, data);
    }

    function show({ isNew = false, isOwn = false }) {
      const state = client.state();
      list.render(state, { isConnected: client.isConnected(), isFollowing: isOwn || follower.isFollowing() });
      showTyping(state);
      find("stop")?.toggleAttribute("hidden", !state.isAwaiting);
      const isEmpty = !state.messages.length && !state.pending.length && !store.hasEarlier(state);
      find("starters")?.toggleAttribute("hidden", !isEmpty || !state.hasSnapshot);
      find("greeting")?.toggleAttribute("hidden", store.hasEarlier(state));
      const { conversation } = state;
      const isForPerson = conversation?.handled_by === "agent" || Boolean(conversation?.needs_human);
      find("person")?.toggleAttribute("hidden", isForPerson);
      find("hint")?.toggleAttribute("hidden", isForPerson); // nothing is left to ask for
      conversations.render(state);
      follower.settle({ isNew, isOwn });
    }

    function showTyping(state) {
      const node = find("typing");
      if (!node) return;
      const isAgent = Boolean(state.agentTyping);
      node.hidden = !isAgent && (!state.isAwaiting || Boolean(state.running?.text));
      node.dataset.author = isAgent ? "agent" : "bot";
      const words = find("typing-text");
      const name = state.agentTyping?.name || strings.agent;
      const text = isAgent ? strings.agentTyping.replace("{name}", () => name) : strings.botTyping;
      if (words && words.textContent !== text) words.textContent = text;
    }

    // Whole messages to screen readers, never half a word; not the history that a first snapshot brings.
    function announceNew(state, before) {
      if (!before.hasSnapshot || before.conversationId !== state.conversationId) return;
      const known = before.messages.at(-1)?.seq ?? before.firstSeq - 1;
      for (const message of state.messages.slice(-50)) {
        if (message.seq <= known || message.author === "customer") continue;
        announce(spoken(message));
        emit("message", message);
        if (!isOpen || document.hidden) emit("unread", (numUnread += 1));
      }
    }

    function spoken(message) {
      if (message.author === "system") return systemText(message, strings);
      const name = message.agent_name || (message.author === "agent" ? strings.agent : strings.bot);
      return strings.says.replace("{name}", () => name).replace("{text}", () => spokenWords(message.text));
    }

    function announce(text) {
      const line = element("p", "", text);
      find("announcer").append(line);
      setTimeout(() => line.remove(), 20_000);
    }

    function refused(message, code) {
      composer.insert(message.text);
      announce(code === "too_long" ? strings.failedTooLong.replace("{max}", shown.maxChars) : strings.failed);
    }

    function connection(kind) {
      clearTimeout(barTimer);
      if (kind === "connected") find("bar")?.setAttribute("hidden", "");
      if (kind === "lost") barTimer = setTimeout(() => showBar(strings.lost), LOST_BAR_AFTER_MS);
      if (kind === "ended") {
        composer.disable();
        showBar(strings.ended);
        find("reload")?.removeAttribute("hidden");
        listen(find("reload"), () => location.reload());
      }
      show({});
    }

    function showBar(text) {
      if (!find("bar")) return;
      find("bar-text").textContent = text;
      find("bar").hidden = false;
    }
  }
}
