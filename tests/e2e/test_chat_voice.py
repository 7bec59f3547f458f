"""Speaking to the chat and hearing it, in a real browser whose microphone and voice are stand-ins."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_chat_features import PATIENCE_MS
from tests.e2e.test_first_light import ask, expect_reply
from tests.site import Site

# What is heard and said is decided by the test: `heard(words, isFinal)`, `spoken`.
STAND_INS = """
class Recognition extends EventTarget {
  start() { window.recognition = this; }
  stop() { this.dispatchEvent(new Event("end")); }
  abort() { this.stop(); }
}
window.SpeechRecognition = window.webkitSpeechRecognition = Recognition;
window.heard = (transcript, isFinal) => {
  const result = Object.assign([{ transcript }], { isFinal });
  window.recognition.dispatchEvent(Object.assign(new Event("result"), { results: [result] }));
};
window.deaf = () => {
  window.recognition.dispatchEvent(Object.assign(new Event("error"), { error: "no-speech" }));
  window.recognition.stop();
};
window.spoken = [];
Object.defineProperty(window, "speechSynthesis", { value: {
  speak: (utterance) => spoken.push(utterance),
  cancel: () => spoken.at(-1)?.dispatchEvent(new Event("end")),
} });
"""
WITHOUT = """
delete window.SpeechRecognition;
delete window.webkitSpeechRecognition;
Object.defineProperty(window, "speechSynthesis", { value: undefined });
"""


def page_of(browser: Browser, site: Site, script: str, locale: str = "en-US") -> Page:
    context = browser.new_context(base_url=site.url, locale=locale, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.add_init_script(script)
    page.goto("/chat/")
    return page


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    page = page_of(browser, site, STAND_INS)
    yield page
    page.context.close()


def test_what_is_said_is_written_into_the_box_and_sent_by_hand(page: Page):
    box = page.get_by_role("textbox")
    page.get_by_role("button", name="Speak your message").click(timeout=PATIENCE_MS)
    stop = page.get_by_role("button", name="Stop listening")
    expect(stop).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("recognition.lang") == "en-US"
    page.evaluate("heard('How much', false)")
    expect(box).to_have_value("")  # half heard
    page.evaluate("heard('How much is', true)")
    page.evaluate("heard(' standard delivery?', true)")
    expect(box).to_have_value("How much is standard delivery?")
    stop.click()
    expect(box).to_be_focused()
    expect(page.locator("[role=log] [data-author=customer]")).to_have_count(0)
    page.keyboard.press("Enter")
    expect_reply(page, "$6.90")


def test_silence_is_told_and_listening_ends(page: Page):
    page.get_by_role("button", name="Speak your message").click(timeout=PATIENCE_MS)
    page.evaluate("deaf()")
    expect(page.locator("[data-announcer]")).to_contain_text("Nothing was heard. Check the microphone.")
    expect(page.get_by_role("button", name="Speak your message")).to_have_attribute("aria-pressed", "false")


def test_chinese_is_heard_as_chinese_and_without_gaps(browser: Browser, site: Site):
    page = page_of(browser, site, STAND_INS, locale="zh-CN")
    page.get_by_role("button", name="语音输入").click(timeout=PATIENCE_MS)
    assert page.evaluate("recognition.lang") == "zh-CN"
    page.evaluate("heard('标准配送', true)")
    page.evaluate("heard('多少钱？', true)")
    expect(page.get_by_role("textbox")).to_have_value("标准配送多少钱？")
    page.context.close()


def test_an_answer_is_read_aloud_in_its_language_and_stops_on_the_second_press(page: Page):
    ask(page, "How much is standard delivery?")
    expect_reply(page, "$6.90")
    read = page.get_by_role("button", name="Read aloud").first
    read.click(timeout=PATIENCE_MS)
    expect(read).to_have_attribute("aria-pressed", "true")
    assert page.evaluate("[spoken.length, spoken[0].lang]") == [1, "en-US"]
    assert "$6.90" in page.evaluate("spoken[0].text") and "**" not in page.evaluate("spoken[0].text")
    read.click()
    expect(read).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("spoken.length") == 1


def test_a_browser_that_can_neither_hear_nor_speak_is_offered_neither(browser: Browser, site: Site):
    without = "delete window.SpeechRecognition; delete window.webkitSpeechRecognition;"
    page = page_of(
        browser, site, f"{without} Object.defineProperty(window, 'speechSynthesis', {{ value: undefined }});"
    )
    ask(page, "How much is standard delivery?")
    expect(page.get_by_role("button", name="Not helpful")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_role("button", name="Speak your message")).to_have_count(0)
    expect(page.get_by_role("button", name="Read aloud")).to_have_count(0)
    page.context.close()
