// How long to wait before trying again: twice as long after each failure, with some chance, so that not all come at once.
export function backoffMs(numFailures, firstMs, longestMs) {
  return Math.min(longestMs, firstMs * 2 ** numFailures) * (0.5 + Math.random() / 2);
}
