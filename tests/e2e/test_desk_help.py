"""What an agent has at hand in a conversation: notes, canned replies, suggestions, an undo, and nothing sent twice."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from tests.e2e.test_desk_two_agents import reply_box
from tests.e2e.test_first_light import PATIENCE_MS, ask, expect_reply


def open_asked(customer: Page, agent: Page, question: str) -> None:
    """The customer has asked and was answered, and the agent has it open."""
    ask(customer, question)
    expect(customer.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(1, timeout=PATIENCE_MS)
    agent.reload()
    agent.locator(".row-link").first.click()
    expect(agent.locator("#messages")).to_contain_text(question, timeout=PATIENCE_MS)


def hands(agent: Page):
    return agent.locator(".hands-state")


def test_a_note_for_a_colleague_stays_among_colleagues_and_can_be_taken_back(customer: Page, agent: Page, admin: Page):
    open_asked(customer, agent, "Is my gift card lost?")
    agent.locator("#messages").click()
    agent.keyboard.press("i")
    reply_box_as_note = agent.get_by_role("textbox", name="Your note for colleagues")
    reply_box_as_note.press_sequentially("Please call them @ad")
    agent.get_by_role("option", name="@admin").click()
    agent.keyboard.press("Enter")
    expect(agent.locator(".note")).to_contain_text("Please call them @admin")
    expect(hands(agent)).to_have_text("The bot answers. Writing takes over.")
    expect(customer.get_by_role("log")).not_to_contain_text("call them")

    admin.goto("/desk/?view=mentioned")
    admin.locator(".row-link").first.click()
    expect(admin.locator(".note")).to_contain_text("Please call them", timeout=PATIENCE_MS)
    expect(admin.locator(".note-acts")).to_have_count(0)
    agent.reload()
    expect(agent.locator(".note-mentions")).to_contain_text("seen")

    agent.get_by_role("button", name="Delete").click()
    expect(agent.locator(".note")).to_have_count(0)
    expect(admin.locator(".note")).to_have_count(0, timeout=PATIENCE_MS)
    agent.get_by_role("button", name="Undo").click()
    expect(agent.locator(".note")).to_have_count(1)
    expect(admin.locator(".note")).to_have_count(1, timeout=PATIENCE_MS)


def test_a_canned_reply_is_found_by_its_name_and_an_undone_take_over_stays_undone(customer: Page, agent: Page):
    open_asked(customer, agent, "Do you sell teapots with a crack?")
    reply_box(agent).press_sequentially("/pho")
    expect(agent.get_by_role("option")).to_have_count(1)
    expect(hands(agent)).to_have_text("The bot answers. Writing takes over.")
    agent.keyboard.press("Enter")
    expect(reply_box(agent)).to_have_value(
        "A photo of the damage would help me: please attach one. Don't send the item back yet."
    )
    expect(hands(agent)).to_have_text("You answer this customer. The bot is silent.")
    agent.get_by_role("button", name="Undo").click()
    expect(hands(agent)).to_have_text("The bot answers. Writing takes over.")
    reply_box(agent).press_sequentially(" Thanks")
    expect(reply_box(agent)).to_have_value(
        "A photo of the damage would help me: please attach one. Don't send the item back yet. Thanks"
    )
    expect(hands(agent)).to_have_text("The bot answers. Writing takes over.")
    agent.keyboard.press("Enter")
    expect_reply(customer, "agent has joined", "Don't send the item back yet. Thanks")


def test_a_suggestion_is_taken_with_enter_changed_and_sent(customer: Page, agent: Page):
    open_asked(customer, agent, "How much is standard delivery?")
    agent.locator("#messages").click()
    agent.keyboard.press("s")
    expect(agent.locator(".assist-text")).to_contain_text("$6.90", timeout=PATIENCE_MS)
    serious = [one for one in Axe().run(agent).response["violations"] if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []
    expect(agent.get_by_role("button", name="Use it")).to_be_focused()
    agent.keyboard.press("Enter")
    expect(reply_box(agent)).to_be_focused()
    agent.keyboard.press("Control+Home")
    agent.keyboard.type("As I said: ")
    agent.keyboard.press("Enter")
    expect_reply(customer, "As I said: Standard delivery")


def test_an_answer_lost_on_its_way_back_leaves_the_text_and_never_doubles_the_message(customer: Page, agent: Page):
    open_asked(customer, agent, "Can I swap a cup?")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    agent.route("**/say/", lose_the_answer)
    reply_box(agent).press_sequentially("Yes, bring it along.")
    agent.keyboard.press("Enter")
    expect(agent.get_by_role("alert")).to_contain_text("Your text is kept")
    expect_reply(customer, "Yes, bring it along.")
    agent.unroute("**/say/")
    agent.reload()
    expect(reply_box(agent)).to_have_value("Yes, bring it along.")
    reply_box(agent).focus()
    agent.keyboard.press("Enter")
    expect(reply_box(agent)).to_have_value("")
    expect(customer.get_by_role("log").get_by_text("Yes, bring it along.")).to_have_count(1)
    expect(agent.locator(".message-agent", has_text="Yes, bring it along.")).to_have_count(1)


def test_what_is_still_open_leads_to_its_message_and_the_customer_sees_that_it_was_read(customer: Page, agent: Page):
    open_asked(customer, agent, "I want to talk to a person")
    agent.get_by_role("button", name="Take over").click()
    expect_reply(customer, "agent has joined")
    ask(customer, "Are you there?")
    expect(customer.get_by_role("log")).to_contain_text("Seen", timeout=PATIENCE_MS)
    agent.locator(".points a").first.click()
    expect(agent.locator(".message-customer.is-hit")).to_contain_text("I want to talk to a person")
