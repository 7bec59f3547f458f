// A reply's words appear one after the other, however large the pieces are in which they arrive. Works on rows; knows no
// DOM. What was there before the reader came, and everything under reduced motion, appears at once.

import { boundaryAfter, lastBoundary } from "./graphemes.js";

const TICK_MS = 40;
const NUM_NEWEST = 6;
const SHARE_PER_TICK = 1 / 14; // of what is left, so that a long piece doesn't keep the reader waiting

export function createReveal({ onTick }) {
  let shown = new Map(); // characters shown so far, by key, of the newest rows; older ones are shown whole
  const isStill = matchMedia("(prefers-reduced-motion: reduce)");
  let timer = 0;

  // The rows as they are to be shown now; `isHistory`: they were not written in front of the reader.
  return function reveal(rows, { isHistory }) {
    const isAtOnce = isHistory || isStill.matches || document.hidden;
    const newest = rows.slice(-NUM_NEWEST);
    const known = shown;
    shown = new Map();
    const revealed = newest.map((row) => (row.author === "bot" ? revealRow(row, known, isAtOnce) : row));
    const isUnderWay = revealed.some((row, index) => row.text !== newest[index].text);
    clearTimeout(timer);
    if (isUnderWay) timer = setTimeout(() => { grow(newest); onTick(); }, TICK_MS);
    return [...rows.slice(0, -NUM_NEWEST), ...revealed];
  };

  function revealRow(row, known, isAtOnce) {
    // What is still written may end within a character that the next piece completes.
    const whole = row.state === "streaming" ? lastBoundary(row.text) : row.text.length;
    const end = isAtOnce ? whole : Math.min(known.get(row.key) ?? nextEnd(row.text, 0), whole);
    shown.set(row.key, end);
    return end < row.text.length ? { ...row, text: row.text.slice(0, end), state: "streaming" } : row;
  }

  function grow(rows) {
    for (const row of rows) {
      const end = shown.get(row.key);
      if (end < row.text.length) shown.set(row.key, nextEnd(row.text, end));
    }
  }
}

// Where the next piece ends: some characters further, at the end of a word.
export function nextEnd(text, start) {
  const end = start + Math.max(1, Math.ceil((text.length - start) * SHARE_PER_TICK));
  const isInWord = /^[\p{L}\p{N}]$/u.test(text[end] ?? "") && !/[\u2e80-\u9fff]/.test(text[end]);
  if (!isInWord) return boundaryAfter(text, end);
  return boundaryAfter(text, end + /^[^\s\u2e80-\u9fff]*/.exec(text.slice(end))[0].length);
}
