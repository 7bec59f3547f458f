"""Writing in the chat, in a real browser: input methods, files, the stop button, conversations, languages, the form."""

import contextlib
import os
import re
import signal
from collections.abc import Iterator

import pytest
import redis
from playwright.sync_api import Page, expect

from tests.chatbot.attachments.test_checks import picture
from tests.e2e.test_chat_features import PATIENCE_MS, open_menu
from tests.e2e.test_first_light import ask, expect_reply
from tests.site import Site, run_in

FILE_EVENT = """([kind, bytes, name]) => {
    const data = new DataTransfer();
    data.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
    const place = document.querySelector("[data-composer] textarea");
    if (kind === "paste") place.dispatchEvent(new ClipboardEvent(kind, { clipboardData: data, bubbles: true }));
    else for (const name of ["dragover", kind])
        place.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""

WATCH_LOG = """() => {
    window.shown = [];
    const log = document.querySelector('[role=log]');
    new MutationObserver(() => window.shown.push(log.textContent))
        .observe(log, {subtree: true, childList: true, characterData: true});
}"""


def own_messages(page: Page):
    return page.locator("[role=log] [data-author=customer]")


def test_enter_for_an_input_method_never_sends(customer: Page):
    box = customer.get_by_role("textbox")
    box.focus()
    keyboard = customer.context.new_cdp_session(customer)
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "nativeVirtualKeyCode": 13}
    for code in (13, 229):  # with the key's own code, and with the one that stands for "an input method has it"
        keyboard.send("Input.imeSetComposition", {"text": "nihao", "selectionStart": 5, "selectionEnd": 5})
        keyboard.send("Input.dispatchKeyEvent", enter | {"type": "rawKeyDown", "windowsVirtualKeyCode": code})
        keyboard.send("Input.dispatchKeyEvent", enter | {"type": "keyUp"})
        expect(box).to_have_value("nihao")
    keyboard.send("Input.insertText", {"text": "你好，运费多少？"})
    expect(box).to_have_value("你好，运费多少？")
    expect(own_messages(customer)).to_have_count(0)
    customer.keyboard.press("Shift+Enter")
    expect(box).to_have_value("你好，运费多少？\n")
    customer.keyboard.press("Enter")
    expect(own_messages(customer)).to_have_text(re.compile("你好，运费多少？"))
    expect(box).to_have_value("")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_file_comes_by_drop_and_by_paste(customer: Page, kind):
    expect(customer.get_by_role("button", name="Attach a file")).to_be_visible(timeout=PATIENCE_MS)
    customer.evaluate(FILE_EVENT, [kind, list(picture()), f"{kind}.png"])
    expect(customer.get_by_role("list", name="Files to send")).to_contain_text(f"{kind}.png")
    expect(customer.get_by_role("progressbar")).to_have_count(0)
    customer.get_by_role("button", name="Send").click()
    expect(customer.get_by_role("log").get_by_role("img", name=f"{kind}.png")).to_be_visible(timeout=PATIENCE_MS)


@contextlib.contextmanager
def worker_asleep(site: Site) -> Iterator[None]:
    """The worker that answers does nothing for a while, so that an answer is awaited as long as a test needs."""
    client = redis.Redis.from_url(site.redis_url)
    found = [re.search(rb'"pid": (\d+)', client.get(key)) for key in client.scan_iter("kefu:worker:reply:*")]
    os.kill(int(found[0][1]), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(int(found[0][1]), signal.SIGCONT)


def test_an_answer_is_stopped_and_the_next_question_is_answered(customer: Page, site: Site):
    stop = customer.get_by_role("button", name="Stop the answer")
    with worker_asleep(site):
        ask(customer, "How much is standard delivery?")
        stop.click(timeout=PATIENCE_MS)
        expect(customer.get_by_role("log")).to_contain_text("You stopped this answer.", timeout=PATIENCE_MS)
        expect(stop).to_be_hidden()
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    expect(customer.locator("[role=log] [data-author=bot]")).to_have_count(1)


def test_several_conversations_and_another_language_keep_every_word(customer: Page, site: Site):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    open_menu(customer, "New conversation")
    expect(own_messages(customer)).to_have_count(0, timeout=PATIENCE_MS)
    customer.evaluate(WATCH_LOG)  # the mark goes with the first word of the answer, which may come at once
    ask(customer, "The second one of mine")
    expect(own_messages(customer)).to_have_attribute("data-state", "saved", timeout=PATIENCE_MS)
    assert customer.evaluate("window.shown.some((text) => text.includes('Sent'))")
    customer.get_by_role("button", name="Your conversations").click()
    rows = customer.get_by_role("region", name="Your conversations").get_by_role("listitem")
    expect(rows).to_have_count(2)
    rows.nth(1).get_by_role("button").click()
    expect_reply(customer, "$6.90")
    expect(customer.get_by_role("log")).not_to_contain_text("The second one")
    customer.get_by_role("textbox").fill("half a thou")
    open_menu(customer, "简体中文")
    expect(customer.get_by_role("button", name="发送")).to_be_visible(timeout=PATIENCE_MS)
    expect(customer.get_by_role("textbox")).to_have_value("half a thou")
    expect_reply(customer, "$6.90")
    expect(customer.locator("[data-chat]")).to_have_attribute("lang", "zh-Hans")


@pytest.fixture
def form_first(site: Site) -> Iterator[None]:
    change = "from chatbot.company.services import update_settings; update_settings(**changes)"
    changes = {"form_mode": "required", "is_consent_required": True, "consent_text_en": "We keep what you write."}
    run_in(site, change, changes=changes)
    yield
    run_in(site, change, changes={"form_mode": "off", "is_consent_required": False, "consent_text_en": ""})


def test_the_form_comes_first_and_what_was_written_before_it_goes_out_after_it(customer: Page, request):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    request.getfixturevalue("form_first")  # the company asks for it while this page is open
    ask(customer, "and to Norway?")
    expect(customer.get_by_text("Not sent yet. Fill in the form, and it goes out by itself.")).to_be_visible()
    expect(customer.get_by_label("Name")).to_be_focused()
    expect(customer.get_by_role("textbox", name="Your message")).to_be_hidden()
    customer.get_by_role("button", name="Start the chat").click()
    expect(customer.get_by_text("Please fill this in.")).to_have_count(2)
    expect(customer.get_by_text("Please agree first; we need it to chat with you.")).to_be_visible()
    customer.get_by_label("Name").fill("Mia")
    customer.get_by_label("E-mail").fill("mia@example.com")
    customer.get_by_role("checkbox", name="We keep what you write.").check()
    customer.get_by_role("button", name="Start the chat").click()
    expect(customer.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(2, timeout=PATIENCE_MS)
    expect(own_messages(customer)).to_have_count(2)
    expect(customer.get_by_role("textbox", name="Your message")).to_be_focused()
