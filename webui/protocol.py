"""What browsers may say over the chat's socket: inbound frames as typed requests.

A frame is taken only if every part of it is right; anything else is a `ProtocolError` with a stable code. Knows no
socket and no database. Outbound shapes are in `chatbot/events.py`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

FRAME_MAX_CHARS = 65_536  # far above any message, far below what would hurt to parse
_MAX_SEQ = 2**31 - 1
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")  # NUL and halves of a surrogate pair: no database takes them


class ProtocolError(ValueError):
    """A frame that isn't understood. `code`: `bad_frame` or `unknown_type`; `client_id` if the frame had one."""

    def __init__(self, code: str, client_id: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.client_id = client_id


@dataclass(frozen=True, kw_only=True)
class Subscribe:
    """`conversation.subscribe`: everything after `last_seq`, then events as they happen."""

    last_seq: int


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """`message.send`: one message of the customer; the same `client_id` again means the same message."""

    client_id: str
    text: str


Request = Subscribe | SendMessage


def parse_frame(frame: str | None) -> Request:
    """The request in a text frame (None: it was a binary one). Raises ProtocolError."""
    content = _parse_object(frame)
    match content.get("type"):
        case "conversation.subscribe":
            return _parse_subscribe(content)
        case "message.send":
            return _parse_send(content)
        case str():
            raise ProtocolError("unknown_type")
    raise ProtocolError("bad_frame")


def _parse_object(frame: str | None) -> dict[str, Any]:
    if frame is None or len(frame) > FRAME_MAX_CHARS:
        raise ProtocolError("bad_frame")
    try:
        content = json.loads(frame)
    except (ValueError, RecursionError):
        raise ProtocolError("bad_frame") from None
    if not isinstance(content, dict):
        raise ProtocolError("bad_frame")
    return content


def _parse_subscribe(content: dict[str, Any]) -> Subscribe:
    last_seq = content.get("last_seq", 0)
    if type(last_seq) is not int or not 0 <= last_seq <= _MAX_SEQ:
        raise ProtocolError("bad_frame")
    return Subscribe(last_seq=last_seq)


def _parse_send(content: dict[str, Any]) -> SendMessage:
    client_id, text = content.get("client_id"), content.get("text")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise ProtocolError("bad_frame")
    if not isinstance(text, str) or _UNSTORABLE.search(text):
        raise ProtocolError("bad_frame", client_id)
    return SendMessage(client_id=client_id, text=text)
