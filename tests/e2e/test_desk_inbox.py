"""The inbox in a real browser: what is under the pointer stays there while the list changes."""

from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import log_in
from tests.site import Site

PATIENCE_MS = 60_000


def ids(page: Page) -> list[str]:
    return page.locator("#rows .row").evaluate_all("rows => rows.map(row => row.dataset.id)")


def test_the_row_under_the_pointer_does_not_move_until_the_pointer_leaves(customer: Page, browser: Browser, site: Site):
    agent = log_in(browser, site, "agent")
    expect(agent.locator("#live")).to_have_attribute("data-state", "on", timeout=PATIENCE_MS)
    agent.locator("#rows .row").nth(2).hover()
    before = ids(agent)
    place = agent.locator("#rows .row").nth(2).bounding_box()
    customer.get_by_role("textbox").fill("What does standard delivery cost?")
    customer.keyboard.press("Enter")
    expect(agent.locator("#changes")).to_be_visible(timeout=PATIENCE_MS)
    assert ids(agent) == before
    assert agent.locator(f".row[data-id='{before[2]}']").bounding_box() == place
    agent.mouse.move(1000, 500)
    expect(agent.locator("#rows .row").first).not_to_have_attribute("data-id", before[0], timeout=PATIENCE_MS)
    expect(agent.locator("#changes")).to_be_hidden()
    agent.context.close()


def test_a_two_character_word_is_searched_with_a_key_and_opened_at_its_message(browser: Browser, site: Site):
    agent = log_in(browser, site, "agent")
    agent.keyboard.press("/")
    agent.keyboard.type("退货")
    agent.keyboard.press("Enter")
    expect(agent.locator("#rows mark").first).to_have_text("退货", timeout=PATIENCE_MS)
    agent.locator(".row-link").first.click()
    expect(agent.locator("#messages .is-hit")).to_contain_text("退货", timeout=PATIENCE_MS)
    agent.context.close()
