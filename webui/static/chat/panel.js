// The chat as a panel over the company's page: open on a desktop until it is closed, a full-screen sheet on a phone.

const KEY = "kefu.panel";

export function createPanel({ panel, launcher, closer, page, strings, onOpen }) {
  const phone = window.matchMedia("(max-width: 767px)");
  let isOpen = remembered() ?? !phone.matches;

  launcher.addEventListener("click", () => set(!isOpen));
  closer.addEventListener("click", () => set(false));
  panel.addEventListener("keydown", (event) => event.key === "Escape" && set(false));
  phone.addEventListener("change", show);

  function set(value) {
    isOpen = value;
    remember(value);
    show();
    if (isOpen) onOpen();
    else launcher.focus();
  }

  function show() {
    panel.hidden = !isOpen;
    document.body.classList.toggle("has-open-chat", isOpen);
    launcher.setAttribute("aria-expanded", String(isOpen));
    launcher.setAttribute("aria-label", isOpen ? strings.closeChat : strings.openChat);
    page.inert = isOpen && phone.matches; // the sheet covers the page
    launcher.hidden = isOpen;
    if (isOpen) launcher.removeAttribute("data-unread");
  }

  function remembered() {
    if (phone.matches) return false;
    try {
      return { open: true, closed: false }[sessionStorage.getItem(KEY)];
    } catch {
      return undefined;
    }
  }

  function remember(value) {
    try {
      sessionStorage.setItem(KEY, value ? "open" : "closed");
    } catch {
      // Not remembered: the panel opens as on a first visit.
    }
  }

  show();
  return { markUnread: () => isOpen || launcher.setAttribute("data-unread", "") };
}
