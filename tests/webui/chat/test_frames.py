"""Frames that aren't right get a code, and the socket lives on."""

import json

import pytest

from chatbot.conversations.models import Message
from webui.protocol import FRAME_MAX_CHARS, ProtocolError, SendMessage, Subscribe, parse_frame


def sending(**fields: object) -> str:
    return json.dumps({"type": "message.send", "client_id": "c1", "text": "hi"} | fields)


BAD_FRAMES = [
    ("", "bad_frame"),
    ("{", "bad_frame"),
    ("[]", "bad_frame"),
    ("null", "bad_frame"),
    ("{}", "bad_frame"),
    ("[" * 50_000, "bad_frame"),
    (json.dumps({"type": 7}), "bad_frame"),
    (json.dumps({"type": "desk.take_over"}), "unknown_type"),
    (json.dumps({"type": "conversation.subscribe", "last_seq": "0"}), "bad_frame"),
    (json.dumps({"type": "conversation.subscribe", "last_seq": -1}), "bad_frame"),
    (json.dumps({"type": "conversation.subscribe", "last_seq": True}), "bad_frame"),
    (json.dumps({"type": "conversation.subscribe", "last_seq": 2**31}), "bad_frame"),
    (json.dumps({"type": "conversation.subscribe", "last_seq": 1.5}), "bad_frame"),
    (sending(client_id=""), "bad_frame"),
    (sending(client_id="a b"), "bad_frame"),
    (sending(client_id="x" * 65), "bad_frame"),
    (sending(client_id=5), "bad_frame"),
    (sending(text=None), "bad_frame"),
    (sending(text=["hi"]), "bad_frame"),
    (sending(text="nul \x00"), "bad_frame"),
    (sending(text="half a pair \ud83d"), "bad_frame"),
    (sending(text="x" * FRAME_MAX_CHARS), "bad_frame"),
]


@pytest.mark.parametrize(("frame", "code"), BAD_FRAMES)
def test_a_frame_that_is_not_right_is_refused_with_a_code(frame, code):
    with pytest.raises(ProtocolError) as refusal:
        parse_frame(frame)
    assert refusal.value.code == code


def test_a_binary_frame_is_refused():
    with pytest.raises(ProtocolError):
        parse_frame(None)


def test_right_frames_become_typed_requests():
    assert parse_frame('{"type": "conversation.subscribe"}') == Subscribe(last_seq=0)
    assert parse_frame('{"type": "conversation.subscribe", "last_seq": 12}') == Subscribe(last_seq=12)
    assert parse_frame(sending(text="你好 👋")) == SendMessage(client_id="c1", text="你好 👋")


async def test_after_bad_frames_the_socket_still_takes_a_message(browsers, token, conversation):
    browser = await browsers(token)
    for frame, code in BAD_FRAMES:
        await browser.say(frame)
        assert (await browser.hear("error"))["code"] == code
    await browser.send("fine", client_id="ok")
    assert (await browser.hear("message.saved"))["message"]["client_id"] == "ok"


async def test_an_empty_and_a_too_long_message_are_refused_by_client_id(browsers, token, conversation, settings):
    browser = await browsers(token)
    await browser.send("  \n ", client_id="e")
    assert await browser.hear() == {"code": "empty", "client_id": "e"}
    await browser.send("长" * (settings.MESSAGE_MAX_CHARS + 1), client_id="l")
    assert await browser.hear() == {"code": "too_long", "client_id": "l"}
    await browser.send("长" * settings.MESSAGE_MAX_CHARS, client_id="m")
    await browser.hear("message.saved")


async def test_too_many_requests_at_once_are_refused_and_not_saved(browsers, token, conversation, settings):
    settings.CHAT_MAX_REQUESTS = 3
    browser = await browsers(token)
    for n in range(4):
        await browser.send(f"q{n}", client_id=f"c{n}")
    assert await browser.hear("error") == {"code": "rate_limited", "client_id": "c3"}
    assert await Message.objects.acount() == 3
