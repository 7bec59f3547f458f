"""The chat for everybody: by the accessibility tree alone, by keyboard alone, enlarged, without motion."""

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_chat_features import PATIENCE_MS
from tests.e2e.test_first_light import ask
from tests.site import Site

FOCUSED = """() => {
    const node = document.activeElement;
    const style = getComputedStyle(node);
    const ring = node.closest(".composer-box") ? getComputedStyle(node.closest(".composer-box")).boxShadow : "none";
    return { name: node.getAttribute("aria-label") || node.textContent.trim() || node.localName,
        isBody: node === document.body, isRinged: style.outlineStyle !== "none" || ring !== "none" };
}"""
SMALL_TARGETS = """() => [...document.querySelectorAll("button, a, input:not([type=file]), textarea, select")]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }))
    .filter((node) => !node.closest(".message-text, .visually-hidden"))
    .map((node) => [node.outerHTML.slice(0, 80), node.getBoundingClientRect()])
    .filter(([, box]) => box.width < 24 || box.height < 24).map(([html, box]) => [html, box.width, box.height])"""
OVERFLOW = """() => [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility() &&
    !node.closest(".visually-hidden") && node.getBoundingClientRect().right > innerWidth + 1)
    .map((node) => node.className || node.localName).slice(0, 5)"""


def test_a_whole_chat_is_driven_by_roles_and_names_alone(customer: Page):
    customer.get_by_role("textbox", name="Your message").fill("How much is standard delivery?")
    customer.get_by_role("button", name="Send").click()
    log = customer.get_by_role("log", name="Messages")
    expect(log.get_by_role("article").nth(1)).to_contain_text("$6.90", timeout=PATIENCE_MS)
    log.get_by_role("button", name=re.compile("^From: ")).first.click()
    log.get_by_role("group", name="Was this helpful?").get_by_role("button", name="Helpful", exact=True).click()
    expect(log.get_by_role("status")).to_have_text("Thank you. That helps us.")
    customer.get_by_role("button", name="Talk to a person").click()
    expect(log).to_contain_text("You asked for a person.", timeout=PATIENCE_MS)
    customer.get_by_role("button", name="More").click()
    customer.get_by_role("menu").get_by_role("menuitem", name="End the chat").click()
    customer.get_by_role("radio", name="4 of 5").press(" ", timeout=PATIENCE_MS)
    customer.get_by_role("button", name="Send rating").click()
    expect(customer.get_by_text("Thank you. That helps us.").first).to_be_visible()
    tree = customer.context.new_cdp_session(customer).send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "link", "textbox", "menuitem", "radio", "checkbox", "img", "region", "dialog", "article", "log"}
    nodes = [node for node in tree if not node["ignored"] and node["role"]["value"] in roles]
    assert len(nodes) > 10
    assert [node["role"]["value"] for node in nodes if not node["name"]["value"]] == []


HEAR = """() => {
    window.told = [];
    const live = document.querySelector("[data-announcer]");
    new MutationObserver((changes) => {
        for (const one of changes) told.push(...[...one.addedNodes].map((node) => node.textContent));
    }).observe(live, { childList: true, subtree: true, characterData: true });
}"""


def test_a_screen_reader_hears_whole_messages_once_and_politely_and_no_half_words(customer: Page):
    live = customer.locator("[data-announcer]")
    expect(live).to_have_attribute("aria-live", "polite")
    assert customer.locator("[role=log]").get_attribute("aria-live") == "off"
    customer.evaluate(HEAR)
    ask(customer, "How much is standard delivery?")
    expect(customer.get_by_role("button", name="Not helpful")).to_be_visible(timeout=PATIENCE_MS)
    told = customer.evaluate("told")
    assert len(told) == 1, "each piece of the answer was read, or none"
    assert told[0].startswith("Chatbot says: ") and "$6.90" in told[0] and told[0].endswith(".")
    customer.get_by_role("button", name="Talk to a person").click()
    expect(live).to_contain_text("You asked for a person.", timeout=PATIENCE_MS)
    assert len(customer.evaluate("told")) == 2
    answer = customer.get_by_role("log").get_by_role("article").nth(1)
    expect(answer).to_match_aria_snapshot("""
    - article "Chatbot":
      - paragraph: Chatbot
      - paragraph: /6\\.90/
      - time
      - list "From our answers":
        - listitem:
          - button /From. .+/
      - group "Was this helpful?":
        - button "Helpful"
        - button "Not helpful"
        - status
    """)


def test_every_control_is_reached_by_the_tab_key_shows_it_and_lets_go(customer: Page):
    expect(customer.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE_MS)
    customer.get_by_role("textbox").fill("How much is standard delivery?")
    customer.keyboard.press("Enter")
    expect(customer.get_by_role("button", name="Not helpful")).to_be_visible(timeout=PATIENCE_MS)
    customer.get_by_role("link", name="Back to the start page").focus()
    reached: list[str] = []
    for _ in range(40):
        customer.keyboard.press("Tab")
        focused = customer.evaluate(FOCUSED)
        if focused["isBody"] or (reached and focused["name"] == reached[0]):
            break
        assert focused["isRinged"], f"nobody sees that {focused['name']} has the focus"
        reached.append(focused["name"])
    else:
        raise AssertionError(f"the focus never came out: {reached}")
    order = ["Your conversations", "More", "Not helpful", "Attach a file", "Your message", "Talk to a person"]
    assert [name for name in reached if name in order] == order
    more = customer.get_by_role("button", name="More")
    more.focus()
    customer.keyboard.press("Enter")
    expect(customer.get_by_role("menuitem").first).to_be_focused()
    customer.keyboard.press("ArrowUp")
    expect(customer.get_by_role("menuitem", name="Forget me")).to_be_focused()
    customer.keyboard.press("Enter")
    expect(customer.get_by_role("button", name="Cancel")).to_be_focused()
    customer.keyboard.press("Escape")
    expect(customer.get_by_role("textbox")).to_be_focused()


@pytest.fixture
def still(browser: Browser, site: Site) -> Iterator[Page]:
    """Somebody who wants no motion and sees everything at 200 %, on a screen of 1280 pixels."""
    context = browser.new_context(
        base_url=site.url,
        locale="en-US",
        reduced_motion="reduce",
        device_scale_factor=2,
        viewport={"width": 640, "height": 400},
    )
    page = context.new_page()
    page.goto("/chat/")
    yield page
    context.close()


def test_enlarged_twofold_nothing_is_cut_off_and_nothing_moves(still: Page):
    still.add_init_script("window.moved = []; addEventListener('transitionrun', (e) => moved.push(e.propertyName))")
    still.reload()
    still.get_by_role("textbox").fill("How much is standard delivery?")
    still.keyboard.press("Enter")
    moving = "document.getAnimations().filter((one) => one.effect.getComputedTiming().duration > 10).length"
    while still.get_by_role("button", name="Not helpful").count() == 0:
        assert still.evaluate(moving) == 0
        still.wait_for_timeout(100)
    assert still.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert still.evaluate(OVERFLOW) == []
    expect(still.get_by_role("textbox")).to_be_in_viewport()
    expect(still.get_by_role("button", name="Send")).to_be_in_viewport()
    still.get_by_role("button", name="More").click()
    expect(still.get_by_role("menuitem", name="Forget me")).to_be_visible()
    assert still.evaluate(OVERFLOW) == []
    assert not Axe().run(still).response["violations"]


@pytest.mark.parametrize("width", [390, 1440])
def test_what_can_be_pressed_is_24_pixels_high_and_wide(customer: Page, width):
    customer.set_viewport_size({"width": width, "height": 844})
    expect(customer.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE_MS)
    assert customer.evaluate(SMALL_TARGETS) == []
    customer.get_by_role("textbox").fill("How much is standard delivery?")
    customer.keyboard.press("Enter")
    customer.get_by_role("button", name="Not helpful").click(timeout=PATIENCE_MS)
    expect(customer.get_by_role("button", name="Hard to understand")).to_be_visible()
    customer.get_by_role("button", name="More").click()
    assert customer.evaluate(SMALL_TARGETS) == []
