// The borders between the panes: dragged with a pointer, moved with arrow keys, remembered in this browser.

const KEY = "kefu.desk.panes";
const STEP_PX = 16;
const LIMITS = { list: [360, 560], facts: [240, 520] };

export function installPanes(desk) {
  const widths = read();
  for (const border of desk.querySelectorAll("[data-border]")) {
    const pane = border.dataset.border;
    const [least, most] = LIMITS[pane];
    const sign = pane === "list" ? 1 : -1; // the last pane grows to the left
    const set = (width) => {
      widths[pane] = Math.round(Math.min(Math.max(width, least), most));
      desk.style.setProperty(`--${pane}-width`, `${widths[pane]}px`);
      border.setAttribute("aria-valuenow", widths[pane]);
      write(widths);
    };
    const now = () => widths[pane] ?? Number(border.getAttribute("aria-valuenow"));
    border.setAttribute("aria-valuemin", least);
    border.setAttribute("aria-valuemax", most);
    if (widths[pane]) set(widths[pane]);
    border.addEventListener("pointerdown", (event) => {
      const start = { x: event.clientX, width: now() };
      border.setPointerCapture(event.pointerId);
      border.onpointermove = (move) => set(start.width + sign * (move.clientX - start.x));
      border.onpointerup = border.onpointercancel = () => { border.onpointermove = null; };
    });
    border.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: sign, ArrowLeft: -sign }[event.key];
      if (!steps) return;
      event.preventDefault();
      set(now() + steps * STEP_PX);
    });
  }
}

function read() {
  try { return JSON.parse(localStorage.getItem(KEY)) ?? {}; } catch { return {}; }
}

function write(widths) {
  try { localStorage.setItem(KEY, JSON.stringify(widths)); } catch { /* a browser that keeps nothing */ }
}
