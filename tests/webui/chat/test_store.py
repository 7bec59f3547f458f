"""What the chat's script makes of the frames it gets, in a real browser: its store is pure, so frames in, state out."""

from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Route, async_playwright

from tests.chromium import CHROMIUM
from tests.conftest import missing

pytestmark = pytest.mark.asyncio(loop_scope="module")  # one browser for all of them

IS_CHROMIUM_THERE = CHROMIUM.exists()
STORE = Path(__file__).parents[3] / "webui" / "static" / "chat" / "store.js"
PLAY = """async ([frames, pending]) => {
    const store = await import("/store.js");
    let state = store.emptyState();
    for (const [id, text] of pending) state = store.addPending(state, id, text);
    for (const frame of frames) state = store.applyFrame(state, frame);
    return {...state, lastSeq: store.lastSeq(state), hasGap: store.hasGap(state)};
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def play():
    """Plays frames into a new store and gives its state."""
    if not IS_CHROMIUM_THERE:
        missing("Debian's chromium")
    async with async_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = await playwright.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        page = await browser.new_page()
        await page.route("http://kefu.test/**", serve)
        await page.goto("http://kefu.test/")

        async def run(*frames: dict, pending: tuple = ()) -> dict:
            return await page.evaluate(PLAY, [list(frames), list(pending)])

        yield run
        await browser.close()


async def serve(route: Route) -> None:
    is_store = route.request.url.endswith("/store.js")
    kind = "text/javascript" if is_store else "text/html"
    await route.fulfill(body=STORE.read_text() if is_store else "<!doctype html>", content_type=kind)


async def test_what_belongs_to_an_older_attempt_or_comes_after_the_end_changes_nothing(play):
    begun = [snapshot(saved(1)), started(1), delta(1, "old words"), started(2)]
    state = await play(*begun, delta(1, "old words and more"))
    assert state["running"] == {"reply_id": 9, "attempt": 2, "text": ""}
    state = await play(*begun, delta(2, "new"), delta(1, "old words and more"), started(1))
    assert state["running"] == {"reply_id": 9, "attempt": 2, "text": "new"}
    state = await play(*begun, delta(2, "new"), finished(2), delta(2, "new words"), started(3))
    assert state["running"] is None and not state["isAwaiting"]
    assert [message["text"] for message in state["messages"]] == ["m1", "the reply"]


async def test_a_message_is_pending_until_an_event_or_a_snapshot_confirms_its_client_id(play):
    pending = (["c1", "m1"], ["c2", "m2"])
    state = await play(snapshot(), event("message.saved", message=saved(1)), pending=pending)
    assert [one["client_id"] for one in state["pending"]] == ["c2"]
    state = await play(snapshot(saved(1), saved(2)), pending=pending)
    assert state["pending"] == []


async def test_a_message_that_comes_twice_is_shown_once_and_a_hole_is_asked_for_again(play):
    state = await play(snapshot(saved(1)), *[event("message.saved", message=saved(n)) for n in (1, 3, 3)])
    assert [message["seq"] for message in state["messages"]] == [1, 3]
    assert (state["lastSeq"], state["hasGap"]) == (1, True)
    state = await play(snapshot(saved(1)), event("message.saved", message=saved(3)), snapshot(saved(2), saved(3)))
    assert (state["lastSeq"], state["hasGap"]) == (3, False)


async def test_a_reply_that_runs_while_the_page_loads_goes_on(play):
    running = {"reply_id": 9, "attempt": 2}
    state = await play(snapshot(saved(1), running=running), delta(2, "so far"))
    assert state["running"] == running | {"text": "so far"}
    state = await play(snapshot(saved(1), running=running), delta(2, "so far"), snapshot(running=running))
    assert state["running"]["text"] == "so far", "a reconnect must not make the words vanish"


async def test_another_conversation_replaces_what_was_shown_and_foreign_events_are_dropped(play):
    foreign = event("message.saved", message=saved(2)) | {"data": {"conversation_id": "B", "message": saved(2)}}
    state = await play(snapshot(saved(1)), foreign)
    assert [message["seq"] for message in state["messages"]] == [1]
    other = {"type": "conversation.snapshot", "data": {**snapshot()["data"], "conversation_id": "B"}}
    state = await play(snapshot(saved(1)), other)
    assert state["messages"] == []


def event(name: str, **data: object) -> dict:
    return {"type": name, "data": {"conversation_id": "A"} | data}


def snapshot(*messages: dict, running: dict | None = None) -> dict:
    return event("conversation.snapshot", messages=list(messages), running_reply=running)


def saved(seq: int) -> dict:
    return {"seq": seq, "author": "customer", "text": f"m{seq}", "client_id": f"c{seq}", "reply_id": None}


def started(attempt: int) -> dict:
    return event("reply.started", reply_id=9, attempt=attempt)


def delta(attempt: int, text: str) -> dict:
    return event("reply.delta", reply_id=9, attempt=attempt, text=text)


def finished(attempt: int) -> dict:
    message = {"seq": 2, "author": "bot", "text": "the reply", "client_id": "", "reply_id": 9}
    return event("reply.finished", reply_id=9, attempt=attempt, message=message)
