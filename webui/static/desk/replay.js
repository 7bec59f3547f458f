// A replay under way: its turns are fetched anew until it has ended.
import { elements, localiseTimes, partial } from "./partials.js";

const WAIT_MS = 1000;
const MAX_WAIT_MS = 8000;
const box = document.getElementById("replay-turns");
let wait_ms = WAIT_MS;

const isUnderWay = () => box.querySelector(".replay").dataset.underWay === "true";

async function look() {
  try {
    box.replaceChildren(...elements(await partial(location.href, { headers: { "X-Partial": "1" } })));
    wait_ms = WAIT_MS;
  } catch {
    wait_ms = Math.min(wait_ms * 2, MAX_WAIT_MS); // the site is away: asked less often, and what is here stays
  }
  if (isUnderWay()) setTimeout(look, wait_ms);
}

localiseTimes(document);
if (isUnderWay()) setTimeout(look, wait_ms);
