"""The review page in a real browser: by key through the queue, a correction from the first word to the replay."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import log_in
from tests.e2e.test_first_light import ask, wait_for_replies
from tests.site import Site

PATIENCE_MS = 60_000


def open_queue(page: Page, address: str = "/desk/review/") -> None:
    """The queue, once the beat's task has filled it."""
    for _ in range(30):
        page.goto(address)
        if page.locator("#queue-rows .row").count():
            break
        page.wait_for_timeout(2000)
    expect(page.locator("#show-keys")).to_be_visible()  # the script runs


def opened_turn(page: Page) -> str:
    return page.locator(".turn-scroll").get_attribute("data-turn")


def errors_of(page: Page) -> list[str]:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def violations(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [v["id"] for v in found if v["impact"] in ("serious", "critical")]


def test_a_reviewer_goes_through_the_queue_with_keys_alone(agent: Page):
    errors = errors_of(agent)
    open_queue(agent)
    agent.keyboard.press("j")
    expect(agent.locator(".turn-judge")).to_be_visible()
    first = opened_turn(agent)
    agent.keyboard.press("1")
    expect(agent.locator(f".row[data-turn='{first}']")).to_have_class(re.compile("is-done"))
    expect(agent.locator(".turn-scroll")).not_to_have_attribute("data-turn", first)
    second = opened_turn(agent)
    agent.keyboard.press("4")
    agent.keyboard.type("Said more kindly, 4 times.")  # at once: the verdict is still on its way
    expect(agent.locator("[value=bad_wording][aria-pressed=true]")).to_be_visible()
    assert opened_turn(agent) == second  # one stays to write
    expect(agent.locator(".turn-judge textarea")).to_be_focused()
    agent.keyboard.press("Control+Enter")
    expect(agent.locator(".turn-scroll")).not_to_have_attribute("data-turn", second)
    agent.keyboard.press("k")
    expect(agent.locator(".turn-scroll")).to_have_attribute("data-turn", second)
    expect(agent.locator(".turn-judge textarea")).to_have_value("Said more kindly, 4 times.")
    agent.go_back()
    expect(agent.locator(".turn-scroll")).not_to_have_attribute("data-turn", second)
    assert errors == []


def test_a_wrong_sentiment_must_be_corrected_and_what_was_written_stays(agent: Page):
    open_queue(agent)
    agent.keyboard.press("j")
    agent.locator(".turn-judge textarea").fill("kept")
    agent.keyboard.press("Escape")
    agent.keyboard.press("6")
    expect(agent.get_by_role("alert")).to_contain_text("Choose the sentiment")
    expect(agent.locator(".turn-judge textarea")).to_have_value("kept")
    agent.keyboard.press("Space")  # the first other sentiment has the focus
    agent.keyboard.press("6")
    expect(agent.locator("[value=sentiment_wrong][aria-pressed=true]")).to_be_visible()


def test_a_missing_answer_becomes_a_draft_is_published_and_the_replay_has_it(
    customer: Page, agent: Page, admin: Page, site: Site
):
    ask(customer, "Do you repair cracked yunomi with gold lacquer?")
    wait_for_replies(customer, 1)
    open_queue(agent)
    agent.goto("/desk/")
    agent.locator("#rows .row-link").first.click()
    agent.locator(".mark-more summary").last.click()
    agent.get_by_role("link", name="Make an answer or an example of it").last.click()
    expect(agent.locator(".message.is-judged").first).to_contain_text("gold lacquer", timeout=PATIENCE_MS)
    expect(agent.locator("#show-keys")).to_be_visible()
    turn = opened_turn(agent)
    agent.keyboard.press("3")
    agent.locator(".turn-judge textarea").fill("Yes: kintsugi repairs take 6 weeks, from $45.")
    agent.locator("#correction").select_option("new_answer")
    expect(agent.locator("[value=missing_answer][aria-pressed=true]")).to_be_visible()
    agent.locator(".mark-foot [data-save]").click()
    expect(agent.locator(".turn-scroll")).not_to_have_attribute("data-turn", turn)
    agent.goto("/desk/review/corrections/")
    expect(agent.locator(".outcome-row").first).to_contain_text("Waiting for an admin")
    admin.goto("/desk/review/corrections/")
    admin.get_by_role("link", name="Look and publish").first.click()
    expect(admin.locator("ins").first).to_be_visible()
    admin.get_by_role("button", name="Publish").click()
    expect(admin.get_by_text("is live.")).to_be_visible()
    agent.reload()
    agent.get_by_role("button", name="Replay").first.click()
    expect(agent.locator(".replay-turn.is-changed")).to_contain_text("6 weeks", timeout=PATIENCE_MS)
    expect(agent.get_by_role("status")).to_contain_text("1 reply would be another one now")
    assert violations(agent) == []


def test_an_export_is_downloaded_with_the_inboxs_filters(agent: Page):
    agent.goto("/desk/?view=all&language=zh")
    agent.get_by_role("link", name="Export this list").click()
    agent.get_by_text("One row per message").click()
    with agent.expect_download() as download:
        agent.get_by_role("button", name="Download").click()
    assert re.fullmatch(r"messages-[\d-]+-redacted\.csv", download.value.suggested_filename)
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) > 10 and ",zh," in lines[1] and not any(",en," in line for line in lines)


def test_axe_finds_nothing_serious_and_nothing_is_wider_than_a_phone(browser: Browser, site: Site):
    agent = log_in(browser, site, "agent")
    open_queue(agent)
    agent.keyboard.press("j")
    expect(agent.locator(".turn-judge")).to_be_visible()
    turn = agent.url
    for size in ((1440, 900), (390, 844)):
        agent.set_viewport_size({"width": size[0], "height": size[1]})
        for address in ("/desk/review/", turn, "/desk/review/corrections/", "/desk/export/?mood=negative"):
            agent.goto(address)
            assert violations(agent) == [], (size, address)
            assert agent.evaluate("document.documentElement.scrollWidth") <= size[0], (size, address)
    agent.context.close()
