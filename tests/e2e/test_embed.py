"""The chat on another site's pages, in a real browser: strict content policy, hostile styles, wrong origins."""

import contextlib
import gzip
import os
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.host_page import HOSTILE, Host, running_host
from tests.site import Site, run_in

PATIENCE_MS = 20_000
MAX_BYTES = 60 * 1024
MAX_PAINT_MS = 50


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with running_host() as started:
        yield started


@pytest.fixture(scope="module")
def key(site: Site, host: Host) -> dict[str, str]:
    """The public key for the host's origin, its secret, and one signed identity."""
    code = """
from chatbot.sites import identity, services
site = services.create_site_key(name="Host", allowed_origins=[origin])
secret = services.identity_secret(site)
result = {"key": site.key, "hash": identity.sign_identity(secret, identity.Identity(id="42", name="Li"))}
"""
    return run_in(site, code, origin=host.url)


@pytest.fixture
def visitor(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.told = []
    page.sockets = []
    page.on("console", lambda message: page.told.append(message.text))
    page.on("websocket", lambda socket: page.sockets.append(socket.url))
    yield page
    with contextlib.suppress(OSError):
        if folder := os.environ.get("KEFU_SHOTS"):
            page.screenshot(path=f"{folder}/{os.environ['PYTEST_CURRENT_TEST'].split('::')[1].split(' ')[0][:60]}.png")
    context.close()


def ask(page: Page, question: str) -> None:
    page.get_by_role("textbox").fill(question)
    page.keyboard.press("Enter")


def test_a_visitor_asks_on_a_hostile_page_under_a_strict_policy_and_finds_the_answer_again(visitor, host, site, key):
    visitor.goto(host.show(site.url, key["key"], css=HOSTILE))
    visitor.get_by_role("button", name="Open chat").click()
    box = visitor.get_by_role("textbox")
    expect(box).to_be_focused(timeout=PATIENCE_MS)
    ask(visitor, "How much is standard delivery?")
    expect(visitor.get_by_role("log")).to_contain_text("$6.90", timeout=PATIENCE_MS)
    look = box.evaluate("node => [getComputedStyle(node).fontSize, getComputedStyle(node).color]")
    assert look[0] == "16px"
    assert look[1] != "rgb(255, 0, 0)"
    expect(visitor.get_by_role("button", name="Send")).to_be_visible()
    assert (
        visitor.evaluate("getComputedStyle(document.getElementById('text')).fontSize") == "40px"
    )  # theirs stays theirs
    assert visitor.evaluate("violations") == []
    visitor.reload()
    visitor.get_by_role("button", name="Open chat").click()
    expect(visitor.get_by_role("log")).to_contain_text("$6.90", timeout=PATIENCE_MS)
    assert visitor.evaluate("violations") == []


def test_a_page_that_may_not_embed_is_told_so_and_opens_no_socket(visitor, host, site, key):
    host.show(site.url, key["key"])
    visitor.goto(host.other_url)
    visitor.get_by_role("button", name="Open chat").click()
    visitor.wait_for_function("performance.getEntriesByType('resource').some(e => e.name.includes('/embed/session/'))")
    visitor.wait_for_timeout(500)
    assert any("origin_not_allowed" in text and host.other_url in text for text in visitor.told)
    assert visitor.sockets == []
    assert not visitor.evaluate("performance.getEntriesByType('resource').some(e => e.name.includes('chat.js'))")


def test_the_chat_is_operated_by_keyboard_and_passes_axe(visitor, host, site, key):
    visitor.goto(host.show(site.url, key["key"]))
    launcher = visitor.get_by_role("button", name="Open chat")
    expect(launcher).to_have_attribute("aria-expanded", "false")
    visitor.keyboard.press("Tab")
    expect(launcher).to_be_focused()
    visitor.keyboard.press("Enter")
    expect(visitor.get_by_role("textbox")).to_be_focused(timeout=PATIENCE_MS)
    launcher = visitor.locator("button.launcher")
    expect(launcher).to_have_attribute("aria-expanded", "true")
    visitor.wait_for_timeout(800)
    found = Axe().run(visitor).response["violations"]
    assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in found] == []
    visitor.keyboard.press("Escape")
    expect(launcher).to_be_focused()
    expect(visitor.get_by_role("textbox")).to_have_count(0)


def test_calls_before_and_after_load_events_and_a_signed_identity(visitor, host, site, key):
    before = (
        "window.Kefu = window.Kefu || []; heard = [];"
        "Kefu.push(['on', 'open', () => heard.push('open')]); Kefu.push(['open']);"
    )
    visitor.goto(host.show(site.url, key["key"], before=before))
    expect(visitor.get_by_role("textbox")).to_be_focused(timeout=PATIENCE_MS)
    assert visitor.evaluate("heard") == ["open"]
    assert visitor.evaluate("Kefu.identify({id: '42', name: 'Li', hash: '0'.repeat(64)})") is False
    assert any("wrong_hash" in text for text in visitor.told)
    ask(visitor, "My name is on the order.")
    expect(visitor.get_by_role("log")).to_contain_text("My name", timeout=PATIENCE_MS)
    visitor.evaluate("Kefu.on('message', (m) => heard.push(m.author))")
    assert visitor.evaluate("([hash]) => Kefu.identify({id: '42', name: 'Li', hash})", [key["hash"]]) is True
    expect(visitor.get_by_role("log")).to_contain_text("My name", timeout=PATIENCE_MS)
    elsewhere = visitor.context.browser.new_context()
    phone = elsewhere.new_page()
    phone.goto(host.url)
    phone.evaluate("([hash]) => Kefu.identify({id: '42', name: 'Li', hash})", [key["hash"]])
    expect(phone.get_by_role("log")).to_contain_text("My name", timeout=PATIENCE_MS)
    elsewhere.close()
    visitor.evaluate("Kefu.destroy()")
    expect(visitor.locator("[data-kefu]")).to_have_count(0)


def test_right_to_left_dark_and_the_language_switch(visitor, host, site, key):
    accent = ":root { --kefu-accent: #ffe14d }"
    visitor.goto(
        host.show(site.url, key["key"], css=accent, html='lang="en" dir="rtl"', attributes='data-theme="dark"')
    )
    launcher = visitor.get_by_role("button", name="Open chat")
    assert launcher.bounding_box()["x"] < 100
    assert launcher.evaluate("node => getComputedStyle(node).color") == "rgb(16, 20, 24)"  # dark on a bright accent
    launcher.click()
    ask(visitor, "How much is standard delivery?")
    expect(visitor.get_by_role("log")).to_contain_text("$6.90", timeout=PATIENCE_MS)
    surface = "node => getComputedStyle(node.getRootNode().querySelector('.chat-header')).backgroundColor"
    assert visitor.locator("[data-chat]").evaluate(surface) == "oklch(0.225 0.014 250)"
    visitor.evaluate("Kefu.setLanguage('zh-CN')")
    expect(visitor.get_by_role("button", name="发送")).to_be_visible(timeout=PATIENCE_MS)
    expect(visitor.get_by_role("log")).to_contain_text("$6.90", timeout=PATIENCE_MS)


def test_without_a_wish_of_the_page_the_chat_follows_the_system_by_day_and_by_night(visitor, host, site, key):
    visitor.emulate_media(color_scheme="dark")
    visitor.goto(host.show(site.url, key["key"]))
    visitor.get_by_role("button", name="Open chat").click()
    header = visitor.locator(".chat-header")
    expect(header).to_have_css("background-color", "oklch(0.225 0.014 250)", timeout=PATIENCE_MS)
    visitor.emulate_media(color_scheme="light")
    expect(header).to_have_css("background-color", "oklch(1 0 0)")


def test_on_a_phone_the_chat_covers_the_page_which_does_not_scroll_beneath(visitor, host, site, key):
    visitor.set_viewport_size({"width": 390, "height": 844})
    visitor.goto(host.show(site.url, key["key"], css="main { height: 3000px }"))
    visitor.get_by_role("button", name="Open chat").click()
    expect(visitor.get_by_role("textbox")).to_be_focused(timeout=PATIENCE_MS)
    panel = visitor.locator("[data-chat]").bounding_box()
    assert (panel["x"], panel["y"], panel["width"], panel["height"]) == (0, 0, 390, 844)
    visitor.mouse.move(200, 400)
    visitor.mouse.wheel(0, 600)
    visitor.wait_for_timeout(200)
    assert visitor.evaluate("scrollY") == 0
    visitor.get_by_role("button", name="Close chat").click()
    assert visitor.evaluate("getComputedStyle(document.documentElement).overflow") == "visible"


def test_the_launcher_paints_within_its_budget_on_a_slow_machine(visitor, host, site, key):
    client = visitor.context.new_cdp_session(visitor)
    client.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    visitor.add_init_script(
        "tasks = []; new PerformanceObserver(l => tasks.push(...l.getEntries().map(e => e.duration)))"
        ".observe({type: 'longtask', buffered: true})"
    )
    page, taken = host.show(site.url, key["key"], before="performance.mark('before');"), []
    for _ in range(3):  # the least is the script's own: what else the machine does only adds
        visitor.goto(page)
        expect(visitor.get_by_role("button", name="Open chat")).to_be_visible()
        taken.append(visitor.evaluate("performance.getEntriesByName('kefu-work')[0].duration"))
    assert min(taken) < MAX_PAINT_MS, f"{taken}, long tasks: {visitor.evaluate('tasks')}"


def test_everything_that_the_embed_loads_is_small(visitor, host, site, key):
    sizes: dict[str, int] = {}

    def weigh(response) -> None:
        if response.url.startswith(site.url) and response.request.method == "GET":
            with contextlib.suppress(Exception):
                sizes[response.url] = len(gzip.compress(response.body()))

    visitor.on("response", weigh)
    visitor.goto(host.show(site.url, key["key"]))
    visitor.get_by_role("button", name="Open chat").click()
    expect(visitor.get_by_role("textbox")).to_be_focused(timeout=PATIENCE_MS)
    visitor.wait_for_timeout(1000)
    assert any("chat.js" in url for url in sizes)
    assert any("embed.js" in url for url in sizes)
    assert sum(sizes.values()) <= MAX_BYTES, sizes
