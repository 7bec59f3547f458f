// Messages that the server hasn't confirmed, kept over a reload of this tab. The same client id is sent again, so a
// message that did arrive isn't doubled.

const LONGEST_TEXT = 100_000;

export function createUnsent(storageKey) {
  const key = `${storageKey}.unsent`;
  return {
    load() {
      try {
        return JSON.parse(sessionStorage.getItem(key) ?? "[]").filter(isWhole);
      } catch {
        return [];
      }
    },
    keep(pending) {
      const kept = pending.map(({ client_id, text, attachments, conversation_id }) => ({
        client_id,
        text,
        attachments,
        conversation_id,
      }));
      try {
        sessionStorage.setItem(key, JSON.stringify(kept));
      } catch {
        // Storage is full or forbidden: the message still lives in this page.
      }
    },
  };
}

function isWhole(one) {
  const isText = typeof one.client_id === "string" && typeof one.text === "string" && one.text.length < LONGEST_TEXT;
  return isText && Array.isArray(one.attachments ?? []);
}
