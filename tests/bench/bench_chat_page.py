"""How fast the customer's chat is in a headless Chromium whose processor is slowed down fourfold.

    python -m tests.bench.bench_chat_page                    # a table, and JSON as the last line
    python -m tests.bench.bench_chat_page --runs 5 --json chat.json

Starts the site and a host page of another origin. Measured: main-thread work of embed.js on a page that is already
there, from its compilation until the launcher is painted; a key press until its letter, and Enter until its message, is
in the page and on the screen, beside a letter in a bare text box on an empty page (what the browser itself takes here);
a conversation of 2,000 messages scrolled with the wheel; the bytes that the embed loads. Medians of several runs are
printed: another program on the same machine makes single figures worse, never better.
"""

import argparse
import json
import re
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, ViewportSize, sync_playwright

from tests.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.e2e.host_page import Host, running_host
from tests.long_history import customer_with_history
from tests.site import Site, run_in, running_site

SLOWDOWN = 4
NUM_MESSAGES = 2_000
LETTERS = "how long can i return a teapot"
PAUSE_MS = 150  # longer than any key takes: asking the page whether it is done would slow it down
NUM_TURNS, WHEEL_PX = 100, 240  # of the wheel
VIEWPORT: ViewportSize = {"width": 1280, "height": 800}
NUM_SENT = 20  # the site takes so many within ten seconds
FRAME_MS = 1000 / 60
_MAIN_THREAD = ["toplevel", "devtools.timeline", "disabled-by-default-devtools.timeline", "blink.user_timing"]

# Frame by frame: how long each took; `measures` ends with stopFrames().
_FRAMES = """
() => {
  window.frameTimes = []; window.longTasks = []; window.maxNodes = 0; window.isScrolling = true;
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration)))
    .observe({ type: "longtask" });
  const log = document.querySelector("[role=log]");
  let last = 0;
  const tick = (now) => {
    if (last) frameTimes.push(now - last);
    last = now;
    maxNodes = Math.max(maxNodes, log.childElementCount);
    if (isScrolling) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}
"""
_EMBED = """([src, kefuKey]) => {
  const script = Object.assign(document.createElement("script"), { src, async: true });
  script.dataset.kefuKey = kefuKey;
  document.head.append(script);
}"""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument("--json", type=Path)
    options = arguments.parse_args()
    with running_site() as site, running_host() as host, sync_playwright() as playwright:
        key = run_in(
            site,
            "from chatbot.sites.services import create_site_key as make\n"
            "result = make(name='Bench', allowed_origins=[origin]).key",
            origin=host.url,
        )
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        measures: dict[str, Callable[[], dict[str, float]]] = {
            "launcher": lambda: measure_launcher(browser, site, host, key),
            "keys": lambda: measure_keys(browser, site),
            "scrolling": lambda: measure_scrolling(browser, site),
        }
        runs = {name: [measure() for _ in range(options.runs)] for name, measure in measures.items()}
        figures = {name: medians(found) for name, found in runs.items()} | {
            "bytes": measure_bytes(browser, site, host, key)
        }
        browser.close()
    tell(figures, options.runs)
    text = json.dumps({"slowdown": SLOWDOWN, "runs": options.runs, "medians": figures, "all": runs})
    if options.json:
        options.json.write_text(text)
    sys.stdout.write(text + "\n")


def measure_launcher(browser: Browser, site: Site, host: Host, key: str) -> dict[str, float]:
    """Milliseconds of the main thread from the script's compilation to the end of the first paint after it."""
    page = browser.new_context(locale="en-US").new_page()
    host.show(site.url, key)
    host.html = re.sub(r'<script nonce="[^"]*" src=.*?</script>', "", host.html)
    page.goto(host.url)
    slow_down(page)
    page.wait_for_timeout(500)
    browser.start_tracing(page=page, categories=_MAIN_THREAD)
    page.evaluate(_EMBED, [f"{site.url}/embed.js", key])
    page.wait_for_timeout(1500)  # asking the page whether it is done would be work of its main thread
    events = json.loads(browser.stop_tracing())["traceEvents"]
    script_ms = page.evaluate("performance.getEntriesByName('kefu-work')[0].duration")
    page.context.close()
    return {"main_thread_ms": work_until_paint(events), "script_ms": script_ms}


def work_until_paint(events: list[dict[str, Any]]) -> float:
    """The thread's own time, so that another program's turns on the processor don't count."""
    spans = [event for event in events if event.get("ph") == "X"]
    run = next(e for e in spans if e["name"] == "EvaluateScript" and "embed.js" in json.dumps(e["args"]))
    own = [event for event in spans if (event["pid"], event["tid"]) == (run["pid"], run["tid"])]
    ran_until = run["ts"] + run["dur"]
    painted = min(event["ts"] for event in own if event["name"] == "Paint" and event["ts"] > ran_until)
    tasks = [event for event in own if event["name"] == "RunTask"]
    return sum(task["tdur"] for task in tasks if task["ts"] + task["dur"] > run["ts"] and task["ts"] < painted) / 1000


def measure_keys(browser: Browser, site: Site) -> dict[str, float]:
    """With 2,000 messages behind them: letters into the box, then messages sent with Enter."""
    page = open_history(browser, site)
    scroll_to_start(page)
    page.locator("textarea").focus()
    client = slow_down(page)
    letters = press_traced(browser, page, client, LETTERS)
    browser.start_tracing(page=page, categories=_MAIN_THREAD)
    for n in range(NUM_SENT):
        page.locator("textarea").fill(f"How long can I return teaware? {n}")
        page.wait_for_timeout(PAUSE_MS)
        press(client, "Enter")
        page.wait_for_timeout(700)
    sent = keys_in(browser.stop_tracing())
    page.context.close()
    all_keys = {"bare_letter": measure_bare_box(browser), "letter": letters, "message": sent}
    return {
        f"{name}_{what}_ms_{share}": quantile([key[what] for key in keys], share)
        for name, keys in all_keys.items()
        for what in ("echo", "painted", "elapsed")
        for share in ("p50", "p95")
    }


def press_traced(browser: Browser, page: Page, client: CDPSession, names: str) -> list[dict[str, float]]:
    browser.start_tracing(page=page, categories=_MAIN_THREAD)
    for name in names:
        press(client, name)
        page.wait_for_timeout(PAUSE_MS)
    return keys_in(browser.stop_tracing())


def keys_in(trace: bytes) -> list[dict[str, float]]:
    """Per key: the thread's own milliseconds until its listeners have run (`echo`) and until it is painted, and how
    long the latter took by the clock."""
    spans = sorted((e for e in json.loads(trace)["traceEvents"] if e.get("ph") == "X"), key=lambda event: event["ts"])

    def is_dispatch(event: dict[str, Any], kind: str) -> bool:
        return event["name"] == "EventDispatch" and event["args"]["data"]["type"] == kind

    found = []
    for down in (event for event in spans if is_dispatch(event, "keydown")):
        own = [e for e in spans if (e["pid"], e["tid"]) == (down["pid"], down["tid"])]
        later = [event for event in own if down["ts"] <= event["ts"] < down["ts"] + 2_000_000]
        tasks = [event for event in own if event["name"] == "RunTask"]
        first = next(task for task in tasks if task["ts"] <= down["ts"] < task["ts"] + task["dur"])
        commit = next((event for event in later if event["name"] == "Commit"), None)
        if commit is None:
            continue  # the trace ended before the frame
        until = commit["ts"] + commit["dur"]
        typed = next((event["tdur"] for event in later if is_dispatch(event, "keypress") and event["ts"] < until), 0)
        work = sum(task["tdur"] for task in tasks if first["ts"] <= task["ts"] < until)
        echo = {"echo": down["tdur"] + typed, "painted": work, "elapsed": until - first["ts"]}
        found.append({name: us / 1000 for name, us in echo.items()})
    return found


def measure_bare_box(browser: Browser) -> list[dict[str, float]]:
    page = browser.new_context(viewport=VIEWPORT).new_page()
    page.set_content("<!doctype html><textarea></textarea>")
    page.locator("textarea").focus()
    found = press_traced(browser, page, slow_down(page), LETTERS)
    page.context.close()
    return found


def measure_scrolling(browser: Browser, site: Site) -> dict[str, float]:
    page = open_history(browser, site)
    num_pages = scroll_to_start(page)
    client = slow_down(page)
    page.locator("[data-scroller]").hover()
    before = page.locator("[data-scroller]").evaluate("node => node.scrollTop")
    page.evaluate(_FRAMES)
    for _ in range(NUM_TURNS):
        page.mouse.wheel(0, -WHEEL_PX)
        page.wait_for_timeout(50)
    frames, long_tasks, num_nodes, _ = page.evaluate("[frameTimes, longTasks, maxNodes, isScrolling = false]")
    moved = before - page.locator("[data-scroller]").evaluate("node => node.scrollTop")
    dom = client.send("Memory.getDOMCounters")
    page.context.close()
    return {
        "frame_ms_p50": quantile(frames, "p50"),
        "frame_ms_p95": quantile(frames, "p95"),
        "frame_ms_longest": max(frames),
        "frames_over_two": sum(frame > 2.2 * FRAME_MS for frame in frames) / len(frames),
        "long_tasks": len(long_tasks),
        "longest_task_ms": max(long_tasks, default=0),
        "scrolled_px": moved,
        "message_nodes": num_nodes,
        "dom_nodes": dom["nodes"],
        "pages_loaded": num_pages,
    }


def measure_bytes(browser: Browser, site: Site, host: Host, key: str) -> dict[str, float]:
    """What goes over the network, compressed as the site sends it, with the headers of each answer."""
    page = browser.new_context(locale="en-US").new_page()
    client = page.context.new_cdp_session(page)
    client.send("Network.enable")
    urls: dict[str, str] = {}
    sizes: dict[str, int] = {}
    client.on("Network.responseReceived", lambda e: urls.update({e["requestId"]: e["response"]["url"]}))
    client.on("Network.loadingFinished", lambda e: sizes.update({urls[e["requestId"]]: e["encodedDataLength"]}))
    page.goto(host.show(site.url, key))
    page.get_by_role("button", name="Open chat").click()
    page.get_by_role("textbox").wait_for()
    page.wait_for_timeout(1500)
    page.context.close()
    own = {url: size for url, size in sizes.items() if url.startswith(site.url)}
    return {
        "embed.js": next(size for url, size in own.items() if "/embed.js" in url),
        "everything": sum(own.values()),
        "files": len(own),
    }


def open_history(browser: Browser, site: Site) -> Page:
    context = browser.new_context(base_url=site.url, locale="en-US", viewport=VIEWPORT)
    # An agent has it: no answer is generated, which would take the processor that is measured.
    token = customer_with_history(site, NUM_MESSAGES, handled_by="agent")
    context.add_cookies([{"name": "kefu_customer", "value": token, "url": site.url}])
    page = context.new_page()
    page.goto("/chat/")
    page.locator(f"[data-seq='{NUM_MESSAGES}']").wait_for()
    return page


def scroll_to_start(page: Page) -> int:
    """Loads all that is older, as a reader does, and goes back to the end; the number of steps that it took."""
    scroller, steps = page.locator("[data-scroller]"), 0
    while page.locator("[data-seq='1']").count() == 0:
        scroller.evaluate("node => { node.scrollTop = 0; }")
        page.wait_for_timeout(30)
        steps += 1
        if steps > 600:
            raise RuntimeError("the beginning never came")
    scroller.evaluate("node => { node.scrollTop = node.scrollHeight; }")
    page.locator(f"[data-seq='{NUM_MESSAGES}']").wait_for()
    return steps


def slow_down(page: Page) -> CDPSession:
    client = page.context.new_cdp_session(page)
    client.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    return client


def press(client: CDPSession, name: str) -> None:
    is_enter = name == "Enter"
    key = {"key": name, "code": "Enter" if is_enter else f"Key{name.upper()}", "text": "\r" if is_enter else name}
    client.send("Input.dispatchKeyEvent", key | {"type": "keyDown", "windowsVirtualKeyCode": 13 if is_enter else 0})
    client.send("Input.dispatchKeyEvent", key | {"type": "keyUp"})


def quantile(values: list[float], share: str) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * int(share[1:]) / 100))]


def medians(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def tell(figures: dict[str, dict[str, float]], num_runs: int) -> None:
    sys.stdout.write(f"medians of {num_runs} runs, processor slowed down {SLOWDOWN}-fold\n")
    for name, values in figures.items():
        for what, value in values.items():
            sys.stdout.write(f"{name:<10} {what:<28} {value:>10.1f}\n")


if __name__ == "__main__":
    main()
