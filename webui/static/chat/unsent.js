// Messages that the server hasn't confirmed, kept over a reload of this tab. The same client id is sent again, so a
// message that did arrive isn't doubled.

const KEY = "kefu.unsent";

export function loadUnsent() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return kept.filter((one) => typeof one.client_id === "string" && typeof one.text === "string");
  } catch {
    return [];
  }
}

export function keepUnsent(pending) {
  const kept = pending.map(({ client_id, text }) => ({ client_id, text }));
  try {
    sessionStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // Storage is full or forbidden: the message still lives in this page.
  }
}
