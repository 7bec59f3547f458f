"""A customer's browser, as far as the chat's socket sees one, against the real site and Redis-protocol server."""

import json
from collections.abc import Callable

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.conf import settings

from chatbot.conversations import services, sessions
from chatbot.conversations.models import Conversation, Customer
from webui.asgi import application

PATIENCE_S = 5


class Browser(ApplicationCommunicator):
    """One socket to /ws/chat/ with the cookies of a browser."""

    def __init__(self, token: str | None, **headers: str) -> None:
        headers = {"origin": "http://localhost", "host": "localhost"} | headers
        if token is not None:
            headers["cookie"] = f"{settings.CUSTOMER_SESSION_COOKIE}={token}"
        pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {"type": "websocket", "path": "/ws/chat/", "query_string": b"", "headers": pairs, "subprotocols": []}
        super().__init__(application, scope)

    async def connect(self) -> str:
        """The kind of the server's first event: `websocket.accept` or `websocket.close`."""
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(PATIENCE_S))["type"]

    async def hang_up(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(PATIENCE_S)

    async def say(self, frame: object) -> None:
        text = frame if isinstance(frame, str) else json.dumps(frame)
        await self.send_input({"type": "websocket.receive", "text": text})

    async def hear(self, name: str | None = None) -> dict:
        """The data of the next frame; of the next one called `name`, if given."""
        while True:
            event = await self.receive_output(PATIENCE_S)
            assert event["type"] == "websocket.send", event
            frame = json.loads(event["text"])
            if name in (None, frame["type"]):
                return frame["data"]

    async def subscribe(self, last_seq: int = 0) -> dict:
        await self.say({"type": "conversation.subscribe", "last_seq": last_seq})
        return await self.hear("conversation.snapshot")

    async def send(self, text: str, client_id: str = "c1") -> None:
        await self.say({"type": "message.send", "client_id": client_id, "text": text})

    async def closed_with(self) -> int:
        """The code that the server closes with; fails if it says anything before."""
        event = await self.receive_output(PATIENCE_S)
        assert event["type"] == "websocket.close", event
        return event["code"]


@pytest.fixture
def customer(transactional_db) -> Customer:
    return Customer.objects.create()


@pytest.fixture
def conversation(customer: Customer) -> Conversation:
    return services.current_conversation(customer=customer)


@pytest.fixture
def token(customer: Customer) -> str:
    return sessions.sign_session(customer)


@pytest.fixture
async def browsers(transactional_db):
    """Opens sockets by token, and closes them while the database is still there."""
    opened: list[Browser] = []

    async def open_browser(token: str | None, **headers: str) -> Browser:
        browser = Browser(token, **headers)
        opened.append(browser)
        assert await browser.connect() == "websocket.accept"
        return browser

    yield open_browser
    for browser in opened:
        await browser.hang_up()


@pytest.fixture
def in_database() -> Callable:
    """Runs a synchronous service or query from an async test."""
    return lambda function, **kwargs: database_sync_to_async(function)(**kwargs)
