// A connection that comes back: waits longer after each failure, with jitter, and at once when the network returns; asks
// whether anybody is there when it has heard nothing for a while; goes over server-sent events where no WebSocket gets
// through. Knows frames as JSON, nothing of what is in them.

import { backoffMs } from "../webui/backoff.js";
import { openSocket } from "./socket.js";
import { openStream } from "./stream.js";

const ENDED_CODES = new Set([4401, 4403]); // no session, or access taken away: trying again can't help
const NUM_SOCKETS_BEFORE_FALLBACK = 2; // sockets in a row over which no frame ever came

export const TIMING = {
  firstWaitMs: 400,
  longestWaitMs: 15_000,
  openWithinMs: 8_000, // a proxy that swallows the handshake says nothing at all
  quietMs: 20_000, // nothing heard for so long: is anybody there?
  busyQuietMs: 4_000, // the same while an answer is on its way
  answerWithinMs: 6_000,
  wakeAnswerWithinMs: 2_500, // after a sleep, when somebody looks at the page
  socketAgainAfterMs: 120_000, // on the fallback: is the way free now?
};

// `isBusy()`: something is awaited. `request(url, {method, body, headers, signal})`: fetch with the customer's proof.
export function connect({ endpoints, token, request, isBusy, timing = {}, onOpen, onFrame, onLost, onEnded }) {
  const times = { ...TIMING, ...timing };
  const abort = new AbortController();
  const timers = { retry: 0, open: 0, beat: 0, answer: 0, upgrade: 0 };
  let link = null;
  let hasHeard = false;
  let isEnded = false;
  let numFailures = 0;
  let numSilentSockets = 0;

  listenTo(window, "online", retryNow);
  listenTo(window, "offline", () => drop());
  listenTo(window, "pageshow", wake);
  listenTo(document, "visibilitychange", () => document.visibilityState === "visible" && wake());
  open();
  return { send: (frame) => link?.send(frame) ?? false, destroy, kind: () => link?.kind ?? "none" };

  function open() {
    clearTimeout(timers.retry);
    hasHeard = false;
    const kind = numSilentSockets < NUM_SOCKETS_BEFORE_FALLBACK || !endpoints.events ? "socket" : "stream";
    const own = { kind };
    const handlers = {
      onOpen: () => own === link && onOpen(),
      onFrame: (frame) => own === link && hear(frame),
      onAlive: () => own === link && beat(),
      onClosed: (code) => own === link && close(code),
    };
    link = own;
    timers.open = setTimeout(() => drop(), times.openWithinMs);
    const opened =
      kind === "socket"
        ? openSocket({ url: endpoints.socket, token, ...handlers })
        : openStream({ endpoints, token, request, ...handlers });
    Object.assign(own, opened);
  }

  function hear(frame) {
    if (!hasHeard) {
      hasHeard = true;
      numFailures = 0; // somebody who answers, not just one who accepts
      clearTimeout(timers.open);
      if (link.kind === "socket") numSilentSockets = 0;
      else timers.upgrade = setTimeout(trySocket, times.socketAgainAfterMs);
    }
    beat();
    onFrame(frame);
  }

  // Whoever sends is there.
  function beat() {
    clearTimeout(timers.answer);
    timers.answer = 0;
    clearTimeout(timers.beat);
    timers.beat = setTimeout(() => probe(times.answerWithinMs), isBusy() ? times.busyQuietMs : times.quietMs);
  }

  function probe(withinMs) {
    if (!link?.send({ type: "ping" })) return;
    clearTimeout(timers.answer);
    timers.answer = setTimeout(() => drop(), withinMs);
  }

  function drop() {
    if (!link) return;
    link.close?.();
    close(1006);
  }

  function close(code) {
    if (!hasHeard) numSilentSockets = link.kind === "socket" ? numSilentSockets + 1 : NUM_SOCKETS_BEFORE_FALLBACK - 1;
    link = null;
    clearTimers();
    if (ENDED_CODES.has(code)) {
      isEnded = true;
      onEnded(code);
      return;
    }
    onLost();
    timers.retry = setTimeout(open, backoffMs(numFailures, times.firstWaitMs, times.longestWaitMs));
    numFailures += 1;
  }

  function retryNow() {
    if (isEnded || link) return;
    numFailures = 0;
    open();
  }

  function wake() {
    if (link) probe(times.wakeAnswerWithinMs);
    else retryNow();
  }

  // A second socket beside the stream; the one that answers replaces it.
  function trySocket() {
    const trial = openSocket({
      url: endpoints.socket,
      token,
      onOpen: () => trial.send({ type: "ping" }),
      onFrame: () => {
        trial.close();
        numSilentSockets = 0;
        numFailures = 0;
        drop();
      },
      onClosed: () => {
        timers.upgrade = setTimeout(trySocket, times.socketAgainAfterMs);
      },
    });
  }

  function clearTimers() {
    for (const name of Object.keys(timers)) clearTimeout(timers[name]);
  }

  function listenTo(target, name, listener) {
    target.addEventListener(name, listener, { signal: abort.signal });
  }

  function destroy() {
    isEnded = true;
    abort.abort();
    clearTimers();
    link?.close?.();
    link = null;
  }
}
