"""The desk's socket, through the site's real door and a real channel layer."""

import asyncio
import json

import pytest
from asgiref.testing import ApplicationCommunicator
from channels.db import database_sync_to_async
from django.test import Client

from chatbot import events
from chatbot.conversations import services, sessions
from chatbot.conversations.models import Conversation, Customer
from tests.webui.desk.conftest import logged_in, make_exchange
from webui.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)
REFUSED, NOT_FOUND = 4403, 4404


@database_sync_to_async
def cookies_of(user) -> str:
    client = logged_in(user) if user else Client()
    return "; ".join(f"{name}={cookie.value}" for name, cookie in client.cookies.items())


class Socket(ApplicationCommunicator):
    """A browser's WebSocket in front of the site's ASGI application."""

    def __init__(self, cookies: str, path: str = "/ws/desk/", origin: str = "http://localhost") -> None:
        headers = [(b"cookie", cookies.encode()), (b"origin", origin.encode()), (b"host", b"localhost")]
        scope = {"type": "websocket", "path": path, "headers": headers, "query_string": b"", "subprotocols": []}
        super().__init__(application, scope)

    async def connect(self) -> bool:
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(10))["type"] == "websocket.accept"

    async def receive(self) -> dict:
        return json.loads((await self.receive_output(10))["text"])

    async def send(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(10)


async def open_socket(cookies: str, path: str = "/ws/desk/") -> Socket:
    socket = Socket(cookies, path)
    assert await socket.connect()
    return socket


async def joined(user, path: str = "/ws/desk/") -> Socket:
    socket = await open_socket(await cookies_of(user), path)
    assert await socket.receive() == {"type": "desk.joined", "data": {}}
    return socket


async def next_event(socket, name: str) -> dict:
    while True:
        event = await socket.receive()
        if event["type"] == name:
            return event["data"]


async def closing_code(socket) -> int:
    output = await socket.receive_output(10)
    assert output["type"] == "websocket.close", output
    return output["code"]


@database_sync_to_async
def start_conversation() -> Conversation:
    return services.current_conversation(customer=Customer.objects.create())


exchange = database_sync_to_async(make_exchange)


async def test_outsiders_anonymous_visitors_and_customers_are_turned_away(charlie, settings):
    token = await database_sync_to_async(sessions.start_session)()
    for cookies in (await cookies_of(charlie), "", f"{settings.CUSTOMER_SESSION_COOKIE}={token[1]}"):
        assert await closing_code(await open_socket(cookies)) == REFUSED


async def test_another_sites_page_can_not_connect(alice):
    assert not await Socket(await cookies_of(alice), origin="http://evil.example").connect()


async def test_the_list_hears_of_every_conversation_but_reads_no_messages(alice, bob):
    for user in (alice, bob):
        socket, conversation = await joined(user), await start_conversation()
        await exchange(conversation, "Where is it?", "On its way.")
        seen = [await socket.receive() for _ in range(3)]
        assert {event["type"] for event in seen} == {"conversation.changed", "message.analysed"}
        assert {event["data"]["conversation_id"] for event in seen} == {str(conversation.pk)}
        await socket.disconnect()


async def test_an_opened_conversation_streams_its_reply_and_no_other(alice):
    opened, other = await start_conversation(), await start_conversation()
    socket = await joined(alice, f"/ws/desk/{opened.pk}/")
    for conversation, text in ((other, "not this"), (opened, "this")):
        events.publish(events.ReplyDelta(conversation_id=str(conversation.pk), reply_id=1, attempt=1, text=text))
    assert (await next_event(socket, "reply.delta"))["text"] == "this"
    await exchange(opened, "Where is it?", "On its way.")
    assert (await next_event(socket, "message.analysed"))["sentiment"] == "negative"
    assert (await next_event(socket, "reply.finished"))["message"]["text"] == "On its way."
    await socket.disconnect()


async def test_a_conversation_that_is_not_there_is_said_so(alice):
    path = "/ws/desk/00000000-0000-0000-0000-000000000000/"
    assert await closing_code(await open_socket(await cookies_of(alice), path)) == NOT_FOUND


async def deactivate(user) -> None:
    user.is_active = False
    await user.asave()


async def leave_group(user) -> None:
    await user.groups.aclear()


async def change_password(user) -> None:
    user.set_password("another password")
    await user.asave()


@pytest.mark.parametrize("revoke", [deactivate, leave_group, change_password])
async def test_who_lost_access_hears_nothing_more_and_is_cut_off(alice, settings, revoke):
    settings.ACCESS_RECHECK_S = 0
    socket, conversation = await joined(alice), await start_conversation()
    events.publish(events.ConversationChanged(conversation_id=str(conversation.pk)))
    assert (await next_event(socket, "conversation.changed"))["conversation_id"] == str(conversation.pk)
    await revoke(alice)
    events.publish(events.ConversationChanged(conversation_id=str(conversation.pk)))
    assert await closing_code(socket) == REFUSED


async def test_access_is_not_asked_for_again_within_the_interval(alice, settings):
    settings.ACCESS_RECHECK_S = 60
    socket, conversation = await joined(alice), await start_conversation()
    await deactivate(alice)
    events.publish(events.ConversationChanged(conversation_id=str(conversation.pk)))
    assert await next_event(socket, "conversation.changed")
    await socket.disconnect()


async def test_what_a_browser_sends_is_ignored(alice):
    socket, conversation = await joined(alice), await start_conversation()
    for text in ("{", "[]", '{"type": "forward.event"}'):
        await socket.send(text)
    await asyncio.sleep(0)
    events.publish(events.ConversationChanged(conversation_id=str(conversation.pk)))
    assert await next_event(socket, "conversation.changed")
    await socket.disconnect()


async def test_two_agents_see_each_other_and_the_customer_sees_the_agent_typing(alice, bob):
    conversation = await start_conversation()
    id, path = str(conversation.pk), f"/ws/desk/{conversation.pk}/"
    first, second = await joined(alice, path), await joined(bob, path)
    await first.send(json.dumps({"type": "presence.looking", "conversation_id": id}))
    seen = await next_event(second, "presence.changed")
    assert [(person["name"], person["is_typing"]) for person in seen["people"]] == [("alice", False)]
    await first.send(json.dumps({"type": "presence.typing", "conversation_id": id, "is_typing": True}))
    typing = await next_event(second, "chat.typing")  # of the conversation's group: the customer's socket is in it
    assert (typing["author"], typing["agent_name"], typing["is_typing"]) == ("agent", "alice", True)
    await first.disconnect()
    while (await next_event(second, "presence.changed"))["people"]:
        pass
    await second.disconnect()


async def test_who_lost_access_can_say_nothing_more(alice, bob, settings):
    settings.ACCESS_RECHECK_S = 0
    conversation = await start_conversation()
    first, second = await joined(alice), await joined(bob)
    await leave_group(alice)
    await first.send(json.dumps({"type": "presence.looking", "conversation_id": str(conversation.pk)}))
    assert await closing_code(first) == REFUSED
    assert await second.receive_nothing(0.3)
    await second.disconnect()
