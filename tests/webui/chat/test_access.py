"""Who may listen and speak: nobody but the customer, and only while their session is valid."""

import asyncio
import json
import time
from datetime import timedelta

import pytest
from django.core import signing

from chatbot import events
from chatbot.company.services import update_settings
from chatbot.conversations import services, sessions
from chatbot.conversations.models import Conversation, Customer, Message
from tests.webui.chat.conftest import Browser
from webui.asgi import application
from webui.chat.consumers import CLOSE_ACCESS_REVOKED, CLOSE_NO_SESSION, CLOSE_TOO_SLOW


async def test_another_customer_sees_and_changes_only_their_own_conversation(browsers, conversation, in_database):
    await in_database(services.receive_message, conversation=conversation, text="mine alone", client_id="a")
    charlie = await Customer.objects.acreate()
    browser = await browsers(sessions.sign_session(charlie))
    snapshot = await browser.subscribe()
    assert snapshot["conversation_id"] != str(conversation.pk)
    assert snapshot["messages"] == []
    await browser.send("hello", client_id="a")
    await browser.hear("message.saved")
    assert await Message.objects.filter(conversation=conversation).acount() == 1


@pytest.mark.parametrize("token", [None, "", "nonsense", signing.dumps(["0" * 32, 0.0], salt="another salt")])
async def test_without_a_valid_session_the_socket_closes_and_says_nothing(browsers, transactional_db, token):
    browser = await browsers(token)
    assert await browser.closed_with() == CLOSE_NO_SESSION
    assert await Conversation.objects.acount() == 0


@pytest.mark.parametrize(
    ("age_days", "settings_", "is_known"),
    [
        (20, {}, True),
        (31, {}, False),
        (31, {"remember_days": 60}, True),
        (20, {"remember_days": 7}, False),
        (2, {"remembers_customers": False}, False),
    ],
)
async def test_a_session_holds_as_long_as_the_company_remembers(
    browsers, customer, monkeypatch, in_database, age_days, settings_, is_known
):
    customer.sessions_valid_from -= timedelta(days=100)
    await customer.asave()
    with monkeypatch.context() as earlier:
        then = time.time() - age_days * 24 * 3600
        earlier.setattr("django.core.signing.time.time", lambda: then)
        token = sessions.sign_session(customer)
    await in_database(update_settings, **settings_)
    browser = await browsers(token)
    if is_known:
        assert (await browser.subscribe())["messages"] == []
    else:
        assert await browser.closed_with() == CLOSE_NO_SESSION


async def test_a_page_of_another_site_can_not_open_the_socket(token):
    browser = Browser(token, origin="https://evil.example")
    assert await browser.connect() == "websocket.close"


async def test_after_a_revocation_the_next_event_closes_the_socket_and_is_not_forwarded(
    browsers, token, customer, conversation, settings, in_database
):
    settings.ACCESS_RECHECK_S = 0
    browser = await browsers(token)
    await browser.subscribe()
    await in_database(sessions.revoke_sessions, customer=customer)
    await in_database(services.receive_message, conversation=conversation, text="secret", client_id="x")
    assert await browser.closed_with() == CLOSE_ACCESS_REVOKED


async def test_within_the_recheck_time_the_database_is_not_asked_again(
    browsers, token, customer, conversation, settings, in_database
):
    settings.ACCESS_RECHECK_S = 60
    browser = await browsers(token)
    await browser.subscribe()
    await in_database(sessions.revoke_sessions, customer=customer)
    await in_database(services.receive_message, conversation=conversation, text="still heard", client_id="x")
    assert (await browser.hear("message.saved"))["message"]["text"] == "still heard"


@pytest.mark.parametrize(
    "frame",
    [{"type": "message.send", "client_id": "x", "text": "hi"}, {"type": "conversation.subscribe", "last_seq": 0}],
)
async def test_after_a_revocation_no_request_is_taken_at_once(
    browsers, token, customer, conversation, in_database, frame
):
    browser = await browsers(token)
    await browser.subscribe()
    await in_database(sessions.revoke_sessions, customer=customer)
    await browser.say(frame)
    assert await browser.closed_with() == CLOSE_ACCESS_REVOKED
    assert await Message.objects.acount() == 0


async def test_a_conversation_that_was_given_to_somebody_else_is_no_longer_forwarded(
    browsers, token, conversation, settings, in_database
):
    settings.ACCESS_RECHECK_S = 0
    browser = await browsers(token)
    await browser.subscribe()
    conversation.customer = await Customer.objects.acreate()
    await conversation.asave()
    await in_database(services.receive_message, conversation=conversation, text="secret", client_id="x")
    assert await browser.closed_with() == CLOSE_ACCESS_REVOKED


async def test_a_browser_that_reads_too_slowly_is_closed_and_catches_up_from_rows(
    browsers, token, conversation, settings, in_database
):
    settings.CHAT_MAX_WAITING_FRAMES = 4
    slow = SlowBrowser(token)
    await slow.subscribe()
    for n in range(8):
        await in_database(services.receive_message, conversation=conversation, text=f"q{n}", client_id=f"c{n}")
    await asyncio.to_thread(events.flush)
    assert await asyncio.wait_for(slow.close_code, 5) == CLOSE_TOO_SLOW
    await slow.hang_up()
    snapshot = await (await browsers(token)).subscribe()
    assert [message["seq"] for message in snapshot["messages"]] == list(range(1, 9))


class SlowBrowser:
    """A server's side of a socket whose browser reads nothing after the snapshot: sending waits for ever."""

    def __init__(self, token: str) -> None:
        headers = [
            (b"origin", b"http://localhost"),
            (b"host", b"localhost"),
            (b"cookie", f"kefu_customer={token}".encode()),
        ]
        scope = {"type": "websocket", "path": "/ws/chat/", "headers": headers, "query_string": b"", "subprotocols": []}
        self.inbound: asyncio.Queue[dict] = asyncio.Queue()
        self.close_code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.snapshot_seen = asyncio.Event()
        self.task = asyncio.create_task(application(scope, self.inbound.get, self.send))

    async def send(self, event: dict) -> None:
        if event["type"] == "websocket.close":
            self.close_code.set_result(event["code"])
        elif event["type"] == "websocket.send":
            self.snapshot_seen.set()
            await asyncio.Event().wait()

    async def subscribe(self) -> None:
        await self.inbound.put({"type": "websocket.connect"})
        frame = json.dumps({"type": "conversation.subscribe", "last_seq": 0})
        await self.inbound.put({"type": "websocket.receive", "text": frame})
        await asyncio.wait_for(self.snapshot_seen.wait(), 5)

    async def hang_up(self) -> None:
        await self.inbound.put({"type": "websocket.disconnect", "code": 1013})
        await asyncio.wait_for(self.task, 5)
