// Kefu on any page: <script src="https://chat.example/embed.js" data-kefu-key="kf_..." async></script>
// Makes the launcher in a shadow root at once; the chat itself is loaded when it is opened, or when there is news.
(() => {
  "use strict";
  const script = document.currentScript ?? document.querySelector("script[data-kefu-key]");
  const queued = Array.isArray(window.Kefu) ? window.Kefu : [];
  const startedAt = performance.now();
  if (!script || (window.Kefu && !Array.isArray(window.Kefu))) return;
  const data = script.dataset;
  const base = new URL(".", script.src).href;
  const storageKey = `kefu.${data.kefuKey}`;
  const memory = {};
  const listeners = {};
  const PHONE = matchMedia("(max-width: 767px)");
  const DARK = matchMedia("(prefers-color-scheme: dark)");
  const WORDS = {
    en: { open: "Open chat", close: "Close chat", failed: "The chat could not be loaded. Try again." },
    "zh-hans": { open: "打开聊天", close: "关闭聊天", failed: "聊天窗口未能载入，请重试。" },
  };
  const LAUNCHER_CSS = `
:host{all:initial!important;position:fixed!important;z-index:var(--kefu-z,2147483000)!important;inset:auto!important;display:block!important;width:0!important;height:0!important}
:host([hidden]){display:none!important}
.launcher{position:fixed;z-index:1;bottom:max(var(--kefu-inset,24px),env(safe-area-inset-bottom));right:var(--kefu-inset,24px);box-sizing:border-box;display:inline-flex;align-items:center;justify-content:center;gap:10px;min-width:56px;height:56px;margin:0;padding:0 16px;border:0;border-radius:28px;background:var(--embed-accent,#00757c);color:var(--embed-on-accent,#fff);box-shadow:0 1px 2px rgb(20 30 40/.1),0 10px 28px rgb(20 30 40/.22);font:500 15px/1.2 var(--kefu-font,system-ui,"Segoe UI",Roboto,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC",sans-serif);cursor:pointer}
[data-position=left]>.launcher{right:auto;left:var(--kefu-inset,24px)}
.launcher:focus-visible{outline:3px solid var(--embed-accent,#00757c);outline-offset:3px}
.launcher svg{flex:none;width:24px;height:24px;fill:none;stroke:currentcolor;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.launcher[data-unread]::after{content:attr(data-unread);position:absolute;top:-4px;inset-inline-end:-4px;box-sizing:border-box;min-width:22px;height:22px;padding:0 6px;border-radius:11px;background:#b3261e;color:#fff;font-size:12px;line-height:22px;text-align:center}
@media (forced-colors:active){.launcher{border:2px solid ButtonText}}
@media (max-width:767px){.launcher[aria-expanded=true]{display:none}}`;

  let session = null; // {token, theme, unread, is_live}
  let chat = null;
  let loading = null;
  let isOpen = false;
  let isShown = false; // what the visitor sees of it: opening takes a moment
  let isDestroyed = false;
  let lastAsked = Promise.resolve();
  let chosenLanguage = data.lang || "";
  let pageOverflow = null;
  const saved = read();

  const host = document.createElement("div");
  host.setAttribute("data-kefu", "");
  const shadow = host.attachShadow({ mode: "open" });
  const box = document.createElement("div");
  const launcher = document.createElement("button");
  const stage = document.createElement("div");
  box.className = "kefu";
  launcher.className = "launcher";
  launcher.type = "button";
  launcher.setAttribute("aria-haspopup", "dialog");
  launcher.append(drawing("M4.5 6.5a2 2 0 0 1 2-2h11a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-6l-4.2 3.4a.5.5 0 0 1-.8-.4v-3a2 2 0 0 1-2-2zM8.5 9h7M8.5 12.2h4.5"), document.createElement("span"));
  shadow.adoptedStyleSheets = [sheet(LAUNCHER_CSS)];
  box.append(launcher, stage);
  shadow.append(box);
  launcher.addEventListener("click", toggle);
  stage.addEventListener("click", (event) => event.target.closest("[data-closer]") && close());
  box.addEventListener("keydown", onKey);
  DARK.addEventListener("change", paint);
  PHONE.addEventListener("change", lockPage);
  window.visualViewport?.addEventListener("resize", fit);
  (document.body ?? document.documentElement).append(host);
  paint();
  performance.measure("kefu-work", { start: startedAt });

  const api = { open, close, toggle, identify, setLanguage, on, off, reset, destroy, push: call };
  window.Kefu = api;
  queued.forEach(call);
  whenIdle(() => refresh().then((news) => news && (news.unread || news.is_live) && load()));

  // Kefu.push(["open"]): how calls are written down before this script is there.
  function call([name, ...rest]) {
    if (name !== "push" && Object.hasOwn(api, name)) api[name](...rest);
    else warn(`there is no call named "${name}".`);
  }

  function open() {
    if (isDestroyed || isOpen) return;
    isOpen = true;
    load().then(show);
  }

  function close() {
    if (!isOpen) return;
    isOpen = false;
    show();
    launcher.focus({ preventScroll: true });
  }

  function toggle() {
    if (isOpen) close();
    else open();
  }

  function show() {
    const panel = stage.querySelector("[data-chat]");
    if (!panel) return;
    const isChange = isShown !== isOpen;
    isShown = isOpen;
    panel.hidden = !isOpen;
    launcher.setAttribute("aria-expanded", String(isOpen));
    lockPage();
    paint();
    if (isOpen) {
      setUnread(0);
      chat?.open?.();
      fit();
      panel.querySelector("textarea")?.focus({ preventScroll: true });
    } else chat?.close?.();
    if (isChange) emit(isOpen ? "open" : "close");
  }

  function load() {
    loading ??= start().catch((error) => {
      loading = null;
      isOpen = false;
      paint();
      if (error.message !== "refused") warn(words().failed, error);
    });
    return loading;
  }

  async function start() {
    const news = session?.token ? session : await refresh(true);
    if (!news) throw new Error("refused");
    const [panel, css] = await Promise.all([fetchPanel(), fetchText("embed/chat.css")]);
    const styles = sheet(css);
    shadow.adoptedStyleSheets = [styles, ...shadow.adoptedStyleSheets];
    const { mountChat } = await import(panel.script);
    mount(panel, mountChat);
  }

  function mount(panel, mountChat) {
    if (isDestroyed) return;
    stage.replaceChildren(...parse(panel.sprite), ...parse(panel.html));
    const section = stage.querySelector("[data-chat]");
    section.hidden = true; // `show` opens it
    section.setAttribute("role", "dialog");
    chat = mountChat(section, { ...panel.options, token: session.token });
    chat.on("message", (message) => emit("message", message));
    chat.on("unread", (count) => isOpen || setUnread(count));
    chat.on("panel", (wish) => (wish.isOpen ? open() : close()));
    if (!isOpen) chat.close(); // loaded for news: what comes is unread until the visitor looks
  }

  async function remount() {
    chat?.destroy();
    chat = null;
    loading = null;
    if (isOpen) await load().then(show);
  }

  // One after the other: an answer to an older question must not take away the token that a newer one brought.
  function inTurn(ask) {
    lastAsked = lastAsked.then(ask);
    return lastAsked;
  }

  function refresh(mustStart = false) {
    return inTurn(() => askForSession(mustStart));
  }

  async function askForSession(mustStart) {
    const answer = await post("embed/session/", { token: session?.token ?? saved.token, start: mustStart });
    if (!answer || isDestroyed) return null;
    take(answer);
    return answer;
  }

  function take(answer) {
    session = answer;
    write({ ...read(), token: answer.token ?? "", theme: answer.theme });
    if (!isOpen) setUnread(answer.unread);
    paint();
  }

  async function post(path, body) {
    try {
      // text/plain: no preflight, so that a refusal can be read and told
      const response = await fetch(base + path, {
        method: "POST",
        credentials: "omit",
        headers: { "Content-Type": "text/plain" },
        body: JSON.stringify({ ...body, key: data.kefuKey }),
      });
      const answer = await response.json();
      if (response.ok) return answer;
      warn(`${answer.detail} (${answer.error}, key ${data.kefuKey}, origin ${location.origin})`);
    } catch (error) {
      warn(`the server ${base} can't be reached.`, error);
    }
    return null;
  }

  // Resolves to whether the visitor is known now.
  async function identify(who = {}) {
    const given = { id: String(who.id ?? ""), name: who.name ?? "", email: who.email ?? "", hash: who.hash ?? "" };
    const answer = await inTurn(async () => {
      const told = await post("embed/identify/", { ...given, token: session?.token ?? saved.token });
      if (told && !isDestroyed) take(told);
      return told;
    });
    if (!answer || isDestroyed) return false;
    await remount();
    return true;
  }

  // The visitor logged out: nothing of them stays in this browser.
  async function reset() {
    saved.token = "";
    session = session && { ...session, token: null };
    write({ ...read(), token: "" });
    setUnread(0);
    stage.replaceChildren();
    await remount();
  }

  async function setLanguage(language) {
    chosenLanguage = normalise(language) || language;
    write({ ...read(), language: chosenLanguage });
    paint();
    await chat?.setLanguage?.(languageNow());
  }

  function on(event, listener) {
    (listeners[event] ??= new Set()).add(listener);
    return () => off(event, listener);
  }

  function off(event, listener) {
    listeners[event]?.delete(listener);
  }

  function emit(event, detail) {
    for (const listener of listeners[event] ?? []) {
      try {
        listener(detail);
      } catch (error) {
        warn(`a listener of "${event}" failed.`, error);
      }
    }
  }

  function destroy() {
    isDestroyed = true;
    isOpen = false;
    chat?.destroy();
    lockPage();
    DARK.removeEventListener("change", paint);
    PHONE.removeEventListener("change", lockPage);
    window.visualViewport?.removeEventListener("resize", fit);
    host.remove();
    delete window.Kefu;
  }

  // --- looks ---------------------------------------------------------------------------------------------------------

  function paint() {
    const theme = session?.theme ?? saved.theme ?? {};
    const language = languageNow();
    const text = data.launcherText ?? theme.texts?.[language] ?? "";
    box.lang = language === "zh-hans" ? "zh-Hans" : language;
    box.dir = data.dir || getComputedStyle(document.documentElement).direction;
    const isLeft = theme.position === "left"; // mirrored where the page is
    box.dataset.position = data.position || (isLeft === (box.dir === "rtl") ? "right" : "left");
    box.dataset.theme = isDark() ? "dark" : "light";
    launcher.lastChild.textContent = text;
    launcher.lastChild.hidden = !text;
    launcher.setAttribute("aria-label", isOpen ? words().close : text || words().open);
    if (!launcher.hasAttribute("aria-expanded")) launcher.setAttribute("aria-expanded", "false");
    if (theme.radius !== undefined) box.style.setProperty("--kefu-radius-set", `${theme.radius}px`);
    paintAccent(theme.accent);
  }

  function isDark() {
    return data.theme === "dark" || (data.theme !== "light" && DARK.matches);
  }

  function paintAccent(fromKey) {
    const wanted = getComputedStyle(host).getPropertyValue("--kefu-accent").trim() || data.accent || fromKey;
    const rgb = wanted && rgbOf(wanted);
    if (!rgb) return;
    const end = isDark() ? [255, 255, 255] : [0, 0, 0]; // towards which colours become readable
    const surface = isDark() ? [27, 31, 36] : [255, 255, 255];
    const css = ([r, g, b]) => `rgb(${r} ${g} ${b})`;
    const on = contrast(rgb, [255, 255, 255]) >= contrast(rgb, [16, 20, 24]) ? [255, 255, 255] : [16, 20, 24];
    const colours = {
      "--embed-accent": css(rgb),
      "--embed-on-accent": css(on),
      "--accent": css(rgb),
      "--on-accent": css(on),
      "--accent-hover": css(mix(rgb, on, -0.1)),
      "--accent-text": css(readable(rgb, surface, end)),
      "--accent-tint": css(mix(surface, rgb, isDark() ? 0.24 : 0.12)),
      "--accent-tint-strong": css(mix(surface, rgb, isDark() ? 0.34 : 0.2)),
      "--focus": css(readable(rgb, surface, end)),
    };
    for (const [name, value] of Object.entries(colours)) box.style.setProperty(name, value);
  }

  // Towards the other end until text on the surface, also on its tint, has 4.5:1.
  function readable(colour, surface, end) {
    for (let share = 0; share < 1; share += 0.05) {
      const tried = mix(colour, end, share);
      if (contrast(tried, mix(surface, colour, 0.24)) >= 4.5 && contrast(tried, surface) >= 4.5) return tried;
    }
    return end;
  }

  function rgbOf(colour) {
    if (!CSS.supports("color", colour)) return null;
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    if (!context) return null;
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }

  function mix(from, to, share) {
    return from.map((part, i) => Math.max(0, Math.min(255, Math.round(part + (to[i] - part) * share))));
  }

  // WCAG 2.2, "contrast ratio" and "relative luminance".
  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }

  function luminance(rgb) {
    const [r, g, b] = rgb.map((part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }

  // --- the page around -----------------------------------------------------------------------------------------------

  // A sheet over the whole phone: the page beneath must not scroll with it.
  function lockPage() {
    const root = document.documentElement;
    const mustLock = isOpen && PHONE.matches;
    stage.querySelector("[data-chat]")?.toggleAttribute("aria-modal", mustLock);
    if (mustLock && pageOverflow === null) {
      pageOverflow = [root.style.getPropertyValue("overflow"), root.style.getPropertyPriority("overflow")];
      root.style.setProperty("overflow", "hidden", "important");
    } else if (!mustLock && pageOverflow !== null) {
      root.style.setProperty("overflow", ...pageOverflow);
      pageOverflow = null;
    }
  }

  function fit() {
    const height = window.visualViewport?.height;
    if (isOpen && height) box.style.setProperty("--kefu-height", `${height}px`);
  }

  function onKey(event) {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape" && !event.defaultPrevented) close();
    event.stopPropagation(); // the page's own shortcuts are not for what is typed here
  }

  function setUnread(count) {
    const before = launcher.dataset.unread ?? "0";
    if (count) launcher.dataset.unread = count > 9 ? "9+" : String(count);
    else delete launcher.dataset.unread;
    if (before !== (launcher.dataset.unread ?? "0")) emit("unread", count);
  }

  function languageNow() {
    const theme = session?.theme ?? saved.theme;
    const wanted = chosenLanguage || saved.language || theme?.language || document.documentElement.lang || navigator.language;
    return normalise(wanted) || "en";
  }

  function normalise(language) {
    const code = String(language ?? "").toLowerCase();
    if (code.startsWith("zh")) return "zh-hans";
    return code.startsWith("en") ? "en" : "";
  }

  function words() {
    return WORDS[languageNow()];
  }

  async function fetchPanel() {
    const answer = await fetch(`${base}embed/panel/?panel=1&language=${languageNow()}`, { credentials: "omit" });
    if (!answer.ok) throw new Error(`panel: ${answer.status}`);
    return answer.json();
  }

  async function fetchText(path) {
    const answer = await fetch(base + path, { credentials: "omit" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.text();
  }

  function sheet(css) {
    const made = new CSSStyleSheet();
    made.replaceSync(css);
    return made;
  }

  function parse(html) {
    return [...new DOMParser().parseFromString(html, "text/html").body.children].map((node) => document.adoptNode(node));
  }

  function drawing(path) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    line.setAttribute("d", path);
    svg.append(line);
    return svg;
  }

  // After the launcher is on the screen, and when the page has nothing better to do.
  function whenIdle(work) {
    requestAnimationFrame(() => {
      if (window.requestIdleCallback) requestIdleCallback(work, { timeout: 2000 });
      else setTimeout(work, 300);
    });
  }

  function read() {
    try {
      const kept = JSON.parse(localStorage.getItem(storageKey)) ?? {};
      return kept.isForVisit ? { ...kept, ...JSON.parse(sessionStorage.getItem(storageKey)) } : kept;
    } catch {
      return memory; // storage is blocked: the session lasts as long as this page
    }
  }

  // Where the company doesn't remember customers, the token goes with the tab.
  function write(content) {
    Object.assign(memory, content);
    const { token, ...rest } = content;
    const isForVisit = session ? session.is_remembered === false : Boolean(rest.isForVisit);
    try {
      localStorage.setItem(storageKey, JSON.stringify(isForVisit ? { ...rest, isForVisit } : { ...content, isForVisit }));
      if (isForVisit) sessionStorage.setItem(storageKey, JSON.stringify({ token }));
    } catch {
      // kept in memory
    }
  }

  function warn(text, ...more) {
    console.warn(`Kefu: ${text}`, ...more);
  }
})();
