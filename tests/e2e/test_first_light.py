"""What a stranger sees, through a real browser: web, queue, worker, GPT-2 and back."""

import contextlib
import os
import re
import signal
import sqlite3
import time
import uuid

import redis
from playwright.sync_api import Page, expect

from tests.e2e.conftest import SCREENSHOTS
from tests.site import Site

PATIENCE_MS = 60_000


def ask(page: Page, question: str) -> None:
    page.get_by_role("textbox").fill(question)
    page.keyboard.press("Enter")


def expect_reply(page: Page, *facts: str) -> None:
    for fact in facts:
        expect(page.get_by_role("log")).to_contain_text(fact, timeout=PATIENCE_MS)


def test_a_question_and_a_follow_up_are_answered_in_english(customer: Page):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    ask(customer, "and how long does it take?")  # what, only the history says
    replies = customer.locator("[role=log] [data-author=bot]")
    expect(replies.nth(1)).to_contain_text("3 to 5 business days", timeout=PATIENCE_MS)
    expect(replies.nth(1)).to_contain_text("leave us the same day.", timeout=PATIENCE_MS)
    customer.screenshot(path=SCREENSHOTS / "chat.png")


def test_a_question_and_a_follow_up_are_answered_in_chinese(customer: Page):
    ask(customer, "标准配送运费多少钱？")
    expect_reply(customer, "6.90")
    ask(customer, "要几天到？")  # of what, only the history says
    replies = customer.locator("[role=log] [data-author=bot]")
    expect(replies.nth(1)).to_contain_text("3 到 5 个工作日", timeout=PATIENCE_MS)


def test_the_answer_streams_in_and_never_shows_half_a_character(customer: Page):
    customer.evaluate(
        """() => {
            window.seen = [];
            const log = document.querySelector('[role=log]');
            new MutationObserver(() => window.seen.push(log.textContent))
                .observe(log, {subtree: true, childList: true, characterData: true});
        }"""
    )
    ask(customer, "礼品卡有效期多久？")
    expect(customer.get_by_role("log").get_by_role("button")).not_to_have_count(0, timeout=PATIENCE_MS)
    assert not any("\ufffd" in text for text in customer.evaluate("window.seen"))


def test_a_reload_and_a_second_tab_show_the_same_conversation(customer: Page, site: Site):
    ask(customer, "How do I skip one Tea Club box?")
    customer.reload()  # while the reply is under way
    expect(customer.get_by_role("log")).to_contain_text("How do I skip one Tea Club box?")
    expect(customer.get_by_text(re.compile("skip", re.I)).nth(1)).to_be_visible(timeout=PATIENCE_MS)
    second = customer.context.new_page()
    second.goto(f"{site.url}/")
    expect(second.get_by_role("log")).to_contain_text("How do I skip one Tea Club box?")
    ask(second, "thanks")
    expect(customer.get_by_role("log")).to_contain_text("thanks")


def test_an_agent_sees_the_transcript_with_its_sentiment_and_reviews_a_reply(customer: Page, agent: Page, site: Site):
    ask(customer, "This is terrible! My teapot arrived broken and nobody answers, worst shop ever.")
    expect(customer.get_by_role("log")).to_contain_text("terrible")
    wait_for_replies(customer, 1)
    agent.locator(f"a[href*='{newest_conversation(site)}']").first.click(timeout=PATIENCE_MS)  # live: no reload
    complaint = agent.get_by_role("article", name="Customer").filter(has_text="worst shop ever")
    expect(complaint).to_be_visible(timeout=PATIENCE_MS)
    expect(complaint).to_contain_text(re.compile("negative", re.I), timeout=PATIENCE_MS)
    ask(customer, "What does standard delivery cost?")
    answer = agent.get_by_role("article", name="Bot").filter(has_text="$6.90")
    expect(answer).to_be_visible(timeout=PATIENCE_MS)
    answer.get_by_role("button", name="Right").click()
    expect(answer.get_by_role("button", name="Right")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE_MS)
    agent.screenshot(path=SCREENSHOTS / "desk.png")
    said = (
        "SELECT verdict FROM review_review r JOIN conversations_message m ON m.id = r.message_id WHERE conversation_id"
    )
    assert rows(site, f"{said} = '{newest_conversation(site).hex}'") == [("right",)]


def test_an_edited_answer_is_live_in_the_next_reply(customer: Page, admin: Page, site: Site):
    ask(customer, "Who runs the tea room library?")
    wait_for_replies(customer, 1)
    admin.goto(f"{site.url}/admin/knowledge/answer/add/")
    admin.get_by_label("Id", exact=False).first.fill("tea-room-library.en")
    admin.get_by_label("Question", exact=False).first.fill("Who runs the tea room library?")
    admin.locator("textarea[name=answer]").fill("The tea room library is run by the Tuesday Readers, shelf 47.")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("added successfully")).to_be_visible(timeout=PATIENCE_MS)
    ask(customer, "Who runs the tea room library?")
    expect_reply(customer, "shelf 47")


def test_an_answer_that_a_killed_worker_left_is_completed_once(customer: Page, site: Site):
    for n in range(8):
        ((newest,),) = rows(site, "SELECT COALESCE(MAX(id), 0) FROM conversations_reply")
        ask(customer, f"How long can I return teaware? {n}")
        if kill_worker_while_it_answers(site, after=newest):
            break
        wait_for_replies(customer, n + 1)
    else:
        raise AssertionError("no reply was ever caught while it was running")
    wait_for_replies(customer, n + 1, timeout_s=90)
    assert rows(site, "SELECT attempt FROM conversations_reply ORDER BY id DESC LIMIT 1") == [(2,)]
    conversation = newest_conversation(site)
    seqs = rows(
        site, f"SELECT seq FROM conversations_message WHERE conversation_id = '{conversation.hex}' ORDER BY seq"
    )
    assert [seq for (seq,) in seqs] == list(range(1, 2 * (n + 1) + 1))


def kill_worker_while_it_answers(site: Site, *, after: int) -> bool:
    """Kills the reply worker as soon as the reply that follows `after` is running; False when it was faster."""
    client = redis.Redis.from_url(site.redis_url)
    pids = [re.search(rb'"pid": (\d+)', client.get(key)) for key in client.scan_iter("kefu:worker:reply:*")]
    status = f"SELECT status FROM conversations_reply WHERE id > {after}"  # nothing until the question is saved
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = rows(site, status)
        if found == [("running",)]:
            os.kill(int(pids[0][1]), signal.SIGKILL)
            time.sleep(0.2)
            return rows(site, status) == [("running",)]
        if found == [("done",)]:
            return False
    return False


def rows(site: Site, query: str) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(site.home / "kefu.sqlite3")) as database:
        return database.execute(query).fetchall()


def newest_conversation(site: Site) -> uuid.UUID:
    ((conversation,),) = rows(site, "SELECT conversation_id FROM conversations_message ORDER BY id DESC LIMIT 1")
    return uuid.UUID(conversation)


def wait_for_replies(page: Page, num: int, timeout_s: float = 60) -> None:
    expect(page.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(num, timeout=timeout_s * 1000)
