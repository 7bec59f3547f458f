"""An answer's little Markdown in a real browser, with inputs that nobody would write: whatever comes, only the allowed
elements are made, links go to http and https only, and no word is lost."""

import random
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Route, async_playwright

from tests.chromium import CHROMIUM, CHROMIUM_FLAGS
from tests.conftest import missing

pytestmark = pytest.mark.asyncio(loop_scope="module")

IS_CHROMIUM_THERE = CHROMIUM.exists()
MODULES = Path(__file__).parents[3] / "webui" / "static" / "chat"
NUM_TEXTS, NUM_PARTS = 3_000, 14
# What each text became: every element with its attributes, and the words in their order.
RENDER = """async (texts) => {
    const { markdown } = await import("/markdown.js");
    window.hasRun = false;
    return texts.map((text) => {
        const box = document.createElement("div");
        box.append(...markdown(text));
        document.body.replaceChildren(box);
        const elements = [...box.querySelectorAll("*")];
        return {
            elements: elements.map((node) => [node.localName, ...node.getAttributeNames().sort()].join(" ")),
            isHtml: elements.every((node) => node.namespaceURI === "http://www.w3.org/1999/xhtml"),
            links: [...box.querySelectorAll("a")].map((node) => [node.protocol, node.href, node.rel]),
            numbers: elements.filter((node) => node.localName === "li").map((node) => node.value),
            text: box.textContent,
            hasRun: window.hasRun,
        };
    });
}"""
ALLOWED = {"p", "ul", "ol", "li", "li value", "br", "strong", "a href rel target"}
NASTY = [
    "<script>hasRun=true</script>", "<img src=x onerror=hasRun=true>", "<svg onload=hasRun=true>", "</p><p>", "<!--",
    "&lt;b&gt;", "javascript:hasRun=true", "[{w}](javascript:hasRun=true)", "[{w}](JaVaScRiPt:hasRun=true)",
    "[{w}](data:text/html,<script>hasRun=true</script>)", "[{w}](vbscript:x)", "[{w}](file:///etc/passwd)",
    "[{w}](//evil.example/{t})", "[{w}](/relative/{t})", "[{w}](https://a.example/{t})", "[{w}](http://u:p@a.example/{t})",
    "[{w}](\tjavascript:hasRun=true)", "[{w}](java\nscript:hasRun=true)", "[{w}](&#106;avascript:hasRun=true)",
    '[{w}](https://a.example/"onmouseover="hasRun=true)', "[[{w}](https://a.example/{t})](javascript:hasRun=true)",
    "https://a.example/{t}<script>", "https://a.example/{t}\"onclick=hasRun=true", "http://[::1]/{t}", "https://",
    "HTTPS://A.EXAMPLE/{t}", "https://茶.example/{t}", "**{w}**", "**{w}", "{w}**", "** {w} **", "***{w}***", "****",
    "\n", "\n\n", "\r\n", "\n- {w}", "\n* {w}", "\n• {w}", "\n-", "\n1. {w}", "\n3、{w}", "\n12) {w}", "\n3.5 {w}",
    "\n999. {w}", "\n    1. {w}", "`{w}`", "# {w}", "> {w}", "\u202e{w}", "\u2028{w}", "\u0000{w}", "\ufeff", "👨‍👩‍👧",
    "e\u0301", "\\*{w}\\*", "「{w}」", "（https://a.example/{t}）", "，{w}。", " ", "\t", "{w}", "{w}", "运费{w}",
]  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def render():
    if not IS_CHROMIUM_THERE:
        missing("Debian's chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=CHROMIUM_FLAGS)
        page = await browser.new_page()

        async def serve(route: Route) -> None:
            name = route.request.url.rsplit("/", 1)[-1]
            if name.endswith(".js"):
                await route.fulfill(body=(MODULES / name).read_text(), content_type="text/javascript")
            else:
                await route.fulfill(body="<!doctype html>", content_type="text/html")

        await page.route("**/*", serve)
        await page.goto("http://kefu.test/")
        yield lambda texts: page.evaluate(RENDER, texts)
        await browser.close()


def make_text(chance: random.Random) -> tuple[str, list[str], list[str]]:
    """A text of nasty parts, its words in order, and the words inside link targets."""
    words, targets, text = [], [], ""
    for _ in range(chance.randint(1, NUM_PARTS)):
        part = chance.choice(NASTY)
        if chance.random() < 0.1:
            part = part[: chance.randint(0, len(part))].split("{")[0]  # cut off in the middle
        if "{w}" in part:
            words.append(f"w{len(words)}w")
        if "{t}" in part:
            targets.append(f"t{len(targets)}t")
        text += part.replace("{w}", words[-1] if words else "").replace("{t}", targets[-1] if targets else "")
    return text, words, targets


async def test_no_input_makes_a_forbidden_element_or_link_or_loses_a_word(render):
    chance = random.Random(20260503)
    made = [make_text(chance) for _ in range(NUM_TEXTS)]
    kinds: set[str] = set()
    for (text, words, targets), shown in zip(made, await render([text for text, _, _ in made]), strict=True):
        kinds |= set(shown["elements"])
        assert set(shown["elements"]) <= ALLOWED and shown["isHtml"] and not shown["hasRun"], text
        for protocol, href, rel in shown["links"]:
            assert protocol in ("http:", "https:") and "@" not in href.split("/")[2] and "noopener" in rel, text
        places = [shown["text"].find(word) for word in words]
        assert -1 not in places and places == sorted(places), (text, words, shown["text"])
        told = shown["text"] + " ".join(href for _, href, _ in shown["links"])
        assert all(target in told for target in targets), (text, targets, told)
    assert kinds == ALLOWED, "the inputs were too tame"


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "**a" * 7_000, "[a](" * 5_000, "https://" * 3_000, "- " * 10_000, "\n1. " * 5_000, "x" * 20_000],
)
async def test_a_long_input_made_to_hurt_comes_through(render, text):
    (shown,) = await render([text])
    assert set(shown["elements"]) <= ALLOWED
    assert shown["text"].count("x") == text.count("x") and shown["text"].count("[") == text.count("[")


@pytest.mark.parametrize(
    ("text", "shown", "numbers"),
    [
        ("3.5 kg at most", "3.5 kg at most", []),
        ("1. Pack it\n3. Send it", "Pack itSend it", [1, 3]),
        ("1、打包\n2、寄出", "打包寄出", [1, 2]),
        ("1.打包", "打包", [1]),
        ("3、5 天内送达", "3、5 天内送达", []),
        ("2024. A good year", "2024. A good year", []),
    ],
)
async def test_a_number_at_the_start_of_a_line_stays_what_it_is(render, text, shown, numbers):
    (found,) = await render([text])
    assert (found["text"], found["numbers"]) == (shown, numbers)
