"""The chat's own script, in a real browser, over a network that drops, delays, doubles and cuts frames both ways.

Two tabs of one customer write at once; replies are finished by the services, at once and without a model. Then both
tabs and the database must tell the same story. `KEFU_FAULT_MESSAGES=10000` for the long run.
"""

import asyncio
import contextlib
import os
import threading
import time

import pytest
import uvicorn
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.conf import settings as django_settings
from playwright.async_api import Page, async_playwright

from chatbot.conversations import services, sessions
from chatbot.conversations.models import Customer, Message, Reply
from tests.chromium import CHROMIUM
from tests.conftest import missing
from tests.faults.proxy import FaultProxy
from tests.site import free_port

NUM_MESSAGES = int(os.environ.get("KEFU_FAULT_MESSAGES", "300"))  # the customer's and the bot's together
TAB = """async ([socket, name, num]) => {
    const { createClient } = await import("/static/chat/client.js");
    const { createRequest } = await import("/static/chat/api.js");
    const timing = { firstWaitMs: 20, longestWaitMs: 200, openWithinMs: 3000, quietMs: 500, busyQuietMs: 300,
        answerWithinMs: 1500, confirmWithinMs: 600, gapPatienceMs: 60, snapshotWithinMs: 800, maxTries: 1000 };
    const client = window.client = createClient({ endpoints: { socket }, token: null, timing, language: "en",
        request: createRequest({ token: null }), unsent: { load: () => [], keep() {} } });
    window.sent = 0;
    const timer = setInterval(() => {
        while (window.sent < num && client.state().pending.length < 5) client.send(`${name} ${window.sent++}`);
        if (window.sent === num) clearInterval(timer);
    }, 5);
}"""
STORY = """() => {
    const { messages, pending, firstSeq } = client.state();
    return { messages: messages.map(({ seq, author, text }) => [seq, author, text]), firstSeq,
        sent: window.sent, num: messages.length, pending: pending.length };
}"""
STATE = """() => { const { messages, pending, firstSeq } = client.state();
    return { sent: window.sent, num: messages.length, pending: pending.length, first: firstSeq,
             last: messages.at(-1)?.seq ?? 0 }; }"""


@pytest.fixture
def site_port(transactional_db, settings):
    """The real application behind uvicorn, on this test's database."""
    settings.CHAT_MAX_REQUESTS = settings.CHAT_MAX_SIGNALS = 1_000_000
    port = free_port()
    from webui.asgi import application

    config = uvicorn.Config(application, port=port, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield port
    server.should_exit = True
    thread.join(10)


@database_sync_to_async
def answer_all() -> int:
    waiting = Reply.objects.unfinished().order_by("customer_message__seq").select_related("customer_message")
    num = 0
    for reply in list(waiting[:50]):
        claimed = services.claim_reply(reply_id=reply.pk, attempt=reply.attempt)
        if claimed is None:
            continue
        text = f"answer to {reply.customer_message.text}"
        services.finish_reply(reply=claimed, finished=services.FinishedReply(text=text, action="answer"))
        num += 1
    return num


async def answer_for_ever() -> None:
    while True:
        if not await answer_all():
            await asyncio.sleep(0.02)


async def test_over_a_bad_network_nothing_is_lost_doubled_or_out_of_order(site_port, monkeypatch):
    if not await asyncio.to_thread(CHROMIUM.exists):
        missing("Debian's chromium")
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *_: None)  # the replies are answered here
    num_each = NUM_MESSAGES // 4
    customer = await Customer.objects.acreate()
    async with FaultProxy(site_port, seed=7) as proxy, async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        url = f"http://127.0.0.1:{site_port}"
        context = await browser.new_context(base_url=url)
        token = await sync_to_async(sessions.sign_session)(customer)
        await context.add_cookies([{"name": django_settings.CUSTOMER_SESSION_COOKIE, "value": token, "url": url}])
        began = time.monotonic()
        tabs = [await open_tab(context, proxy, name, num_each) for name in ("a", "b")]
        answering = asyncio.create_task(answer_for_ever())
        try:
            await wait_until_told(tabs, num_each, deadline_s=60 + NUM_MESSAGES * 0.2)
            stories = [await tab.evaluate(STORY) for tab in tabs]
        finally:
            answering.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await answering
            await browser.close()
    print(f"\n{NUM_MESSAGES} messages in {time.monotonic() - began:.0f} s; {dict(proxy.counts)}")  # noqa: T201
    truth = [[m.seq, m.author, m.text] async for m in Message.objects.order_by("seq")]
    assert [seq for seq, _, _ in truth] == list(range(1, 4 * num_each + 1)), "lost or doubled in the database"
    for name in "ab":
        said = [text for _, author, text in truth if author == "customer" and text.startswith(name)]
        assert said == [f"{name} {n}" for n in range(num_each)], "out of order, lost or doubled"
    answered = sorted(text for _, author, text in truth if author == "bot")
    assert answered == sorted(f"answer to {text}" for _, author, text in truth if author == "customer")
    for story in stories:
        assert story["messages"] == truth[story["firstSeq"] - 1 :], "a tab tells another story than the database"
        assert story["messages"], "a tab shows nothing"
    faults = {name: proxy.counts[name] for name in ("drop", "double", "delay", "cut")}
    assert all(faults.values()), f"the network was too good: {faults}"


async def open_tab(context, proxy: FaultProxy, name: str, num: int) -> Page:
    tab = await context.new_page()
    tab.on("pageerror", lambda error: print("page error", error))  # noqa: T201
    if os.environ.get("KEFU_FAULT_TRACE"):
        tab.on("console", lambda message: print("console", message.text, flush=True))  # noqa: T201
    await tab.goto("/healthz")  # any page of the site itself
    await tab.evaluate(TAB, [proxy.url, name, num])
    return tab


async def wait_until_told(tabs: list[Page], num_each: int, deadline_s: float) -> None:
    deadline = time.monotonic() + deadline_s
    while True:
        states = [await tab.evaluate(STATE) for tab in tabs]
        if os.environ.get("KEFU_FAULT_TRACE"):
            print(states[0], flush=True)  # noqa: T201
        done = [s["sent"] == num_each and not s["pending"] and s["last"] == 4 * num_each for s in states]
        are_whole = [s["num"] == s["last"] - s["first"] + 1 for s in states]
        if all(done) and all(are_whole):
            return
        assert time.monotonic() < deadline, f"not done in time: {states}"
        await asyncio.sleep(0.5)
