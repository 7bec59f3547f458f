// The clocks of waiting customers: they go on by themselves, and turn from calm to due to overdue.
import { texts } from "./texts.js";

const TICK_MS = 10_000;
const ICONS = { calm: "clock", due: "due", overdue: "alert" };

export function tickWaits(root = document) {
  for (const wait of root.querySelectorAll("[data-wait]")) {
    const waited_s = Math.max((Date.now() - Date.parse(wait.dataset.wait)) / 1000, 0);
    const level = waited_s >= texts.overdueS ? "overdue" : waited_s >= texts.dueS ? "due" : "calm";
    wait.className = `wait wait-${level}`;
    wait.querySelector("use").setAttribute("href", `#icon-${ICONS[level]}`);
    wait.querySelector(".wait-time").textContent = written(waited_s);
  }
}

function written(waited_s) {
  if (waited_s < 3600) return texts.minutes.replace("%d", Math.floor(waited_s / 60));
  if (waited_s < 2 * 86400) return texts.hours.replace("%d", Math.floor(waited_s / 3600));
  return texts.days.replace("%d", Math.floor(waited_s / 86400));
}

export function startClocks() {
  setInterval(() => { if (!document.hidden) tickWaits(); }, TICK_MS);
}
