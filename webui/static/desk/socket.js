// A socket that comes back: within 0.5 s after the first loss, up to 15 s later on.

import { backoffMs } from "../webui/backoff.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15000;
const REFUSED = 4403;
const NOT_FOUND = 4404;

export class DeskSocket {
  isAgain = false;
  #num_losses = 0;
  #isClosed = false;

  constructor(path, handle) {
    this.path = path;
    this.handle = handle;
    this.#connect();
  }

  close() {
    this.#isClosed = true;
    clearTimeout(this.timer);
    this.socket.close();
  }

  // What isn't delivered is not missed: presence is said again soon.
  send(frame) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    this.socket = new WebSocket(`${scheme}//${location.host}${this.path}`);
    this.socket.onmessage = (message) => this.#receive(JSON.parse(message.data));
    this.socket.onclose = (event) => this.#lose(event.code);
  }

  #receive(event) {
    if (this.#isClosed) return;
    if (event.type === "desk.joined") show("on");
    this.handle(event);
    if (event.type === "desk.joined") { this.isAgain = true; this.#num_losses = 0; }
  }

  #lose(code) {
    if (this.#isClosed) return;
    if (code === REFUSED) { location.reload(); this.#isClosed = true; return; } // the page says why: log in, or no access
    if (code === NOT_FOUND) { this.#isClosed = true; show("lost"); return; }
    this.isAgain = true;
    show("lost");
    this.timer = setTimeout(() => this.#connect(), backoffMs(this.#num_losses++, FIRST_WAIT_MS, LONGEST_WAIT_MS));
  }
}

function show(state) {
  document.getElementById("live").dataset.state = state;
}
