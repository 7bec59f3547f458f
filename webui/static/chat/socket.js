// One WebSocket as a link: frames in, frames out, and one word when it is over. Comes back by itself never.

const SUBPROTOCOL = "kefu";

export function openSocket({ url, token, onOpen, onFrame, onClosed }) {
  const protocols = token ? [SUBPROTOCOL, `${SUBPROTOCOL}.token.${base64url(token)}`] : [SUBPROTOCOL];
  const socket = new WebSocket(socketUrl(url), protocols);
  let isOver = false;

  socket.addEventListener("open", () => isOver || onOpen());
  socket.addEventListener("message", (event) => {
    if (isOver) return;
    const frame = parse(event.data);
    if (frame) onFrame(frame);
  });
  socket.addEventListener("close", (event) => {
    if (isOver) return;
    isOver = true;
    onClosed(event.code);
  });

  return {
    send(frame) {
      if (isOver || socket.readyState !== WebSocket.OPEN) return false;
      socket.send(JSON.stringify(frame));
      return true;
    },
    // Without waiting for the other side: a dead network answers no closing handshake for minutes.
    close() {
      isOver = true;
      socket.close();
    },
  };
}

function socketUrl(url) {
  const absolute = new URL(url, location.href);
  absolute.protocol = absolute.protocol.replace("http", "ws");
  return absolute;
}

function base64url(text) {
  const binary = Array.from(new TextEncoder().encode(text), (byte) => String.fromCharCode(byte)).join("");
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function parse(data) {
  try {
    return JSON.parse(data);
  } catch {
    return null;
  }
}
