"""The chat where the network or its proxy is bad, and with a history that no page can hold, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, WebSocketRoute, expect

from tests.e2e.test_chat_features import PATIENCE_MS
from tests.e2e.test_first_light import ask, expect_reply, rows
from tests.long_history import customer_with_history
from tests.site import Site, run_in
from tests.workers.test_supervisor import wait_until

NUM_MESSAGES = 2_000
MAX_NODES = 60
# Takes the messages' numbers as the reader comes by, each with its place in the page.
SHOWN = """() => [...document.querySelectorAll("[role=log] > article")].map(
    (node) => [Number(node.dataset.seq), node.querySelector(".message-text").textContent.split(" ")[0]])"""
EDGE = """() => {
    const edge = document.querySelector("[data-scroller]").getBoundingClientRect().top;
    const node = [...document.querySelectorAll("[role=log] > article")]
        .find((one) => one.getBoundingClientRect().bottom > edge);
    return [Number(node.dataset.seq), Math.round(node.getBoundingClientRect().top)];
}"""


# Every socket goes to a port where nobody listens, until `letThrough()`; and the chat looks for one more often.
BLOCK = """
const parse = JSON.parse;
JSON.parse = (...given) => {
  const found = parse(...given);
  if (found?.endpoints) found.timing = { socketAgainAfterMs: 1500, firstWaitMs: 100 };
  return found;
};
const Real = WebSocket;
let isBlocked = true;
window.letThrough = () => { isBlocked = false; };
window.WebSocket = function (url, protocols) { return new Real(isBlocked ? "ws://127.0.0.1:49/" : url, protocols); };
WebSocket.OPEN = Real.OPEN;
"""


class Traffic:
    def __init__(self, page: Page) -> None:
        self.posts: list[str] = []
        self.streams: list[str] = []
        self.frames: list[str] = []  # heard over a socket
        page.on("request", self.note)
        page.on("websocket", lambda s: s.on("framereceived", lambda frame: self.frames.append(str(frame))))

    def note(self, request: Request) -> None:
        if "/chat/frames/" in request.url:
            self.posts.append(request.post_data or "")
        if "/chat/events/" in request.url:
            self.streams.append(request.url)


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, locale="en-US", viewport={"width": 1280, "height": 800})
    yield context.new_page()
    context.close()


def test_without_websockets_the_chat_streams_and_posts_and_later_finds_its_way_back(page: Page):
    traffic = Traffic(page)
    page.add_init_script(BLOCK)
    page.goto("/chat/")
    ask(page, "How much is standard delivery?")
    expect_reply(page, "$6.90")
    expect(page.get_by_role("button", name="Not helpful")).to_be_visible(timeout=PATIENCE_MS)
    assert traffic.streams and any("message.send" in post for post in traffic.posts) and not traffic.frames
    page.evaluate("letThrough()")
    wait_until(lambda: page.wait_for_timeout(100) or any("conversation.snapshot" in one for one in traffic.frames))
    num_posts = len(traffic.posts)
    ask(page, "Who pays when I return something?")
    expect(page.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(2, timeout=PATIENCE_MS)
    assert len(traffic.posts) == num_posts
    expect(page.locator("[role=log] [data-author=customer]")).to_have_count(2)


def test_what_is_written_while_the_network_is_away_is_kept_and_sent_once(customer: Page):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    customer.context.set_offline(True)
    expect(customer.get_by_text("Connection lost.")).to_be_visible(timeout=PATIENCE_MS)
    ask(customer, "Written under a bridge")
    expect(customer.get_by_text("Waiting for the connection")).to_be_visible()
    customer.context.set_offline(False)
    expect(customer.locator("[role=log] [data-author=bot][data-seq]")).to_have_count(2, timeout=PATIENCE_MS)
    expect(customer.get_by_text("Written under a bridge")).to_have_count(1)
    expect(customer.get_by_text("Connection lost.")).to_be_hidden()


AGENT_WRITES = """
from django.contrib.auth.models import User
from chatbot.conversations import handling
from chatbot.conversations.models import Conversation
conversation = Conversation.objects.latest("last_message_at")  # the one that this test's page has just written in
for text in texts:
    handling.send_agent_message(conversation=conversation, agent=User.objects.get(username="agent"), text=text)
"""
MISSED = ["First while asleep", "Second while asleep", "Third while asleep"]


def agent_lines(page: Page):
    return page.locator("[role=log] [data-author=agent] .message-text")


def test_a_laptop_that_slept_for_an_hour_finds_what_it_missed_and_sends_what_it_could_not(page: Page, site: Site):
    """The link dies without a word, as it does under a closed lid, and the clock jumps."""
    links: list[dict[str, bool]] = []

    def carry(browser_side: WebSocketRoute) -> None:
        link = {"is_dead": False}
        links.append(link)
        site_side = browser_side.connect_to_server()
        browser_side.on_message(lambda frame: link["is_dead"] or site_side.send(frame))
        site_side.on_message(lambda frame: link["is_dead"] or browser_side.send(frame))

    page.route_web_socket(re.compile("/ws/chat/"), carry)
    page.clock.install()
    page.goto("/chat/")
    ask(page, "How much is standard delivery?")
    expect_reply(page, "$6.90")
    expect(page.get_by_role("button", name="Not helpful")).to_be_visible(timeout=PATIENCE_MS)
    links[-1]["is_dead"] = True
    run_in(site, AGENT_WRITES, texts=MISSED)
    ask(page, "Written as the lid closed")
    expect(page.get_by_text("Written as the lid closed")).to_be_visible()
    expect(agent_lines(page)).to_have_count(0)
    page.clock.fast_forward("01:00:00")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    for _ in range(20):  # the chat's own waits go by this clock
        page.clock.run_for(1000)
    expect(agent_lines(page)).to_have_text(MISSED, timeout=PATIENCE_MS)
    mine = page.locator("[role=log] [data-author=customer][data-state=saved]")
    expect(mine).to_have_count(2, timeout=PATIENCE_MS)
    expect(mine.last).to_contain_text("Written as the lid closed")
    assert len(links) >= 2
    sent = "SELECT count(*) FROM conversations_message WHERE text = 'Written as the lid closed'"
    assert rows(site, sent) == [(1,)]


def test_a_page_that_the_browser_froze_shows_what_came_meanwhile_once(customer: Page, site: Site):
    ask(customer, "How much is standard delivery?")
    expect_reply(customer, "$6.90")
    client = customer.context.new_cdp_session(customer)
    client.send("Page.setWebLifecycleState", {"state": "frozen"})
    run_in(site, AGENT_WRITES, texts=MISSED)
    client.send("Page.setWebLifecycleState", {"state": "active"})
    expect(agent_lines(customer)).to_have_text(MISSED, timeout=PATIENCE_MS)


def test_a_long_history_comes_page_by_page_holds_few_nodes_and_keeps_the_reader_s_place(page: Page, site: Site):
    token = customer_with_history(site, NUM_MESSAGES)
    page.context.add_cookies([{"name": "kefu_customer", "value": token, "url": site.url}])
    page.goto("/chat/")
    expect(page.locator(f"[data-seq='{NUM_MESSAGES}']")).to_be_in_viewport(timeout=PATIENCE_MS)
    scroller = page.locator("[data-scroller]")
    assert len(page.evaluate(SHOWN)) <= 50, "more than one page came at once"
    scroller.evaluate("node => { node.scrollTop = 700; }")
    before = page.evaluate(EDGE)
    page.wait_for_function("seq => document.querySelector('[role=log] > article').dataset.seq < seq", arg=1951)
    page.wait_for_timeout(300)
    seq, top = page.evaluate(EDGE)
    assert seq == before[0] and abs(top - before[1]) <= 2, "older messages pushed what was being read"
    seen: set[int] = set()
    for _ in range(400):
        shown = page.evaluate(SHOWN)
        seqs = [seq for seq, _ in shown]
        assert len(shown) <= MAX_NODES and seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        assert all(str(seq) == text for seq, text in shown)
        seen.update(seqs)
        if 1 in seen:
            break
        scroller.evaluate("node => { node.scrollTop = 0; }")
        page.wait_for_timeout(40)
    assert 1 in seen, "the beginning never came"
    expect(page.locator("[data-seq='1']")).to_be_in_viewport()
    scroller.evaluate("node => { node.scrollTop = node.scrollHeight; }")
    expect(page.locator(f"[data-seq='{NUM_MESSAGES}']")).to_be_in_viewport()
