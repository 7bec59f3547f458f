"""Two agents and a customer in three browsers: one takes over, the other is held off, the bot goes on afterwards."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.test_first_light import PATIENCE_MS, ask, expect_reply


def open_newest(page: Page, words: str) -> None:
    page.locator(".row-link").first.click()
    expect(page.locator("#messages")).to_contain_text(words, timeout=PATIENCE_MS)


def reply_box(page: Page):
    return page.get_by_role("textbox", name="Your reply to the customer")


def test_an_agent_steps_in_another_is_held_off_and_the_bot_goes_on(customer: Page, agent: Page, admin: Page):
    ask(customer, "Is there a person in the house?")
    expect(customer.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(1, timeout=PATIENCE_MS)
    ask(customer, "A customer with a teapot writes")
    expect(customer.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(2, timeout=PATIENCE_MS)
    for desk in (agent, admin):
        desk.reload()
        open_newest(desk, "A customer with a teapot writes")

    reply_box(agent).press_sequentially("Hello, ")  # the first letter takes over
    expect(agent.locator(".hands-state")).to_have_text("You answer this customer. The bot is silent.")
    expect(admin.locator(".hands-state")).to_have_text("agent answers this customer.", timeout=PATIENCE_MS)
    expect_reply(customer, "agent has joined")
    reply_box(agent).press_sequentially("我来帮您。")
    agent.keyboard.press("Enter")
    expect_reply(customer, "Hello, 我来帮您。")
    expect(reply_box(agent)).to_have_value("")

    reply_box(admin).fill("Me too.")
    admin.keyboard.press("Enter")
    expect(admin.get_by_role("alert")).to_contain_text("agent answers this customer. Nothing was sent")
    expect(reply_box(admin)).to_have_value("Me too.")
    expect(customer.get_by_role("log")).not_to_contain_text("Me too.")

    ask(customer, "How much is standard delivery?")
    expect(agent.locator("#messages")).to_contain_text("How much is standard delivery?", timeout=PATIENCE_MS)
    expect(customer.get_by_role("log")).not_to_contain_text("$6.90")
    agent.get_by_role("button", name="Hand back to the bot").click()
    expect_reply(customer, "The chatbot answers again", "$6.90")

    agent.locator("#messages").click()
    agent.keyboard.press("e")
    expect(agent.locator(".hands-state")).to_have_text("Closed. Writing opens it again.")
    agent.get_by_role("button", name="Undo").click()
    expect(agent.locator(".hands-state")).to_have_text("The bot answers. Writing takes over.")
    serious = [one for one in Axe().run(agent).response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
