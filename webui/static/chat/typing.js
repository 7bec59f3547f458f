// Tells the server that the customer is writing: at most once in a while, and once when they have stopped.

const AGAIN_AFTER_MS = 3_000;
const STOPPED_AFTER_MS = 4_000;

export function createTyping({ say }) {
  let toldAt = 0;
  let timer = 0;
  return {
    wrote(text) {
      clearTimeout(timer);
      if (!text.trim()) return this.stopped();
      if (Date.now() - toldAt >= AGAIN_AFTER_MS) {
        toldAt = Date.now();
        say({ type: "chat.typing", is_typing: true });
      }
      timer = setTimeout(() => this.stopped(), STOPPED_AFTER_MS);
      return undefined;
    },
    // The message itself says that the writing is over.
    sent() {
      clearTimeout(timer);
      toldAt = 0;
    },
    stopped() {
      clearTimeout(timer);
      if (!toldAt) return;
      toldAt = 0;
      say({ type: "chat.typing", is_typing: false });
    },
  };
}
