"""The way without WebSockets: who may stream and send, and that no header opens it to another site's page."""

import json

import pytest
from django.conf import settings
from django.test import AsyncClient

from chatbot.conversations.models import Message

pytestmark = pytest.mark.django_db(transaction=True)


def browser(token: str | None) -> AsyncClient:
    client = AsyncClient()
    if token:
        client.cookies[settings.CUSTOMER_SESSION_COOKIE] = token
    return client


async def post(client: AsyncClient, frame: object, **headers: str):
    headers = {"origin": "http://testserver"} | headers
    return await client.post("/chat/frames/", json.dumps(frame), content_type="application/json", headers=headers)


SEND = {"type": "message.send", "client_id": "c1", "text": "Hello"}


@pytest.fixture(autouse=True)
def no_queue(monkeypatch):
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *_args: None)


async def test_a_message_sent_without_a_socket_is_saved_once(token):
    for _ in range(2):
        assert (await post(browser(token), SEND)).status_code == 200
    assert await Message.objects.acount() == 1


async def test_without_a_session_nothing_is_streamed_or_taken(conversation):
    assert (await post(browser(None), SEND)).status_code == 401
    assert (await browser(None).get("/chat/events/")).status_code == 401
    assert not await Message.objects.aexists()


@pytest.mark.parametrize("authorization", [None, "Basic eDp5", "Bearer forged"])
async def test_another_site_s_page_can_t_write_with_the_visitor_s_cookie(token, authorization):
    headers = {"origin": "https://evil.example"} | ({"authorization": authorization} if authorization else {})
    assert (await post(browser(token), SEND, **headers)).status_code in (401, 403)
    assert not await Message.objects.aexists()


async def test_a_frame_that_makes_no_sense_is_refused_with_its_code(token):
    answer = await post(browser(token), {"type": "conversation.burn"})
    assert b"unknown_type" in answer.content
