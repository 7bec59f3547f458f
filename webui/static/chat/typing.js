// Tells the server that the customer is writing: at most once in a while, and once when they have stopped.

const AGAIN_AFTER_MS = 3_000;
const STOPPED_AFTER_MS = 4_000;
const AFTER_THE_LETTER_MS = 50; // a frame to the server may wait until the letter is on the screen

export function createTyping({ say }) {
  let toldAt = 0;
  let stopTimer = 0;
  let tellTimer = 0;
  return {
    wrote(text) {
      clearTimeout(stopTimer);
      if (!text.trim()) return this.stopped();
      if (Date.now() - toldAt >= AGAIN_AFTER_MS) {
        toldAt = Date.now();
        clearTimeout(tellTimer);
        tellTimer = setTimeout(() => say({ type: "chat.typing", is_typing: true }), AFTER_THE_LETTER_MS);
      }
      stopTimer = setTimeout(() => this.stopped(), STOPPED_AFTER_MS);
      return undefined;
    },
    // The message itself says that the writing is over.
    sent() {
      clearTimeout(stopTimer);
      clearTimeout(tellTimer);
      toldAt = 0;
    },
    stopped() {
      const isKnown = Boolean(toldAt);
      this.sent();
      if (isKnown) say({ type: "chat.typing", is_typing: false });
    },
  };
}
