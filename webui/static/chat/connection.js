// One WebSocket that comes back: waits longer after each failure, with jitter, and at once when the network returns.
// Knows frames as JSON, nothing of what is in them.

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 15_000;
const ENDED_CODES = new Set([4401, 4403]); // no session, or access taken away: trying again can't help

export function connect(url, { onOpen, onFrame, onLost, onEnded }) {
  let socket = null;
  let timer = 0;
  let numFailures = 0;
  let isEnded = false;

  function open() {
    clearTimeout(timer);
    socket = new WebSocket(url);
    socket.addEventListener("open", () => onOpen());
    socket.addEventListener("message", (event) => {
      numFailures = 0; // a server that answers, not just one that accepts
      onFrame(JSON.parse(event.data));
    });
    socket.addEventListener("close", onClose);
  }

  function onClose(event) {
    if (event.target !== socket) return;
    socket = null;
    if (ENDED_CODES.has(event.code)) {
      isEnded = true;
      onEnded(event.code);
      return;
    }
    onLost();
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** numFailures);
    numFailures += 1;
    timer = setTimeout(open, longest * (0.5 + Math.random() / 2));
  }

  function retryNow() {
    if (isEnded || socket) return;
    numFailures = 0;
    open();
  }

  function dropDeadSocket() {
    socket?.close(); // the network is gone; without this the browser would notice after minutes
  }

  window.addEventListener("online", retryNow);
  window.addEventListener("offline", dropDeadSocket);
  window.addEventListener("pageshow", retryNow);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && retryNow());
  open();

  return {
    // False: not connected; the caller keeps the frame and sends it after the next snapshot.
    send(frame) {
      if (socket?.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
  };
}
