"""The insight page in a real browser: drawn under the strict policy, reachable by keyboard, with tables and CSV."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect


def open_insight(page: Page) -> list[str]:
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto("/desk/insight/")
    page.locator("#chart-volume canvas").wait_for()
    return errors


def test_charts_are_drawn_and_say_their_figures_by_keyboard(agent: Page):
    errors = open_insight(agent)
    plot = agent.locator("#chart-volume [role=slider]")
    is_drawn = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v > 0)"
    assert agent.locator("#chart-volume canvas").evaluate(is_drawn)
    plot.focus()
    plot.press("Home")
    first = plot.get_attribute("aria-valuetext")
    plot.press("ArrowRight")
    assert "conversation" in first and plot.get_attribute("aria-valuetext") != first
    assert errors == []


def test_each_chart_has_its_table_and_csv(agent: Page):
    open_insight(agent)
    figure = agent.locator("#chart-volume")
    figure.locator("summary").click()
    expect(figure.locator("tbody tr")).to_have_count(30)
    with agent.expect_download() as download:
        figure.locator(".csv").click()
    assert download.value.suggested_filename.startswith("insight-volume-")


def test_filters_change_the_address_and_an_error_keeps_the_page(agent: Page):
    open_insight(agent)
    agent.get_by_text("7 days", exact=True).click()
    agent.wait_for_url("**/desk/insight/?days=7")
    agent.route("**/desk/insight/?*", lambda route: route.abort())
    agent.get_by_label("Language").select_option("zh")
    expect(agent.get_by_role("alert")).to_contain_text("didn't load")
    expect(agent.locator("#chart-volume")).to_be_visible()
    agent.unroute("**/desk/insight/?*")
    agent.get_by_role("button", name="Try again").click()
    expect(agent.locator("#insight-error")).to_be_hidden()


def test_axe_finds_nothing_serious(agent: Page):
    open_insight(agent)
    found = Axe().run(agent).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
