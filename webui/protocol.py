"""What browsers may say over the chat's socket: inbound frames as typed requests.

A frame is taken only if every part of it is right; anything else is a `ProtocolError` with a stable code. Knows no
socket and no database. Outbound shapes are in `chatbot/events.py`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

FRAME_MAX_CHARS = 65_536  # far above any message, far below what would hurt to parse
LANGUAGES = ("en", "zh")
MAX_ATTACHMENTS = 10
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
    """`conversation.subscribe`: everything after `last_seq`, then events as they happen.

    `conversation_id`: which of the customer's conversations; None: the latest. `language`: the page's, `en` or `zh`.
    """

    last_seq: int = 0
    conversation_id: UUID | None = None
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class OpenConversation:
    """`conversation.open`: shows another of the customer's conversations from now on."""

    conversation_id: UUID


@dataclass(frozen=True, kw_only=True)
class StartConversation:
    """`conversation.start`: a new conversation, shown from now on."""


@dataclass(frozen=True, kw_only=True)
class ListConversations:
    """`conversation.list`: the customer's conversations with their last words."""


@dataclass(frozen=True, kw_only=True)
class LoadHistory:
    """`history.load`: one page of what came before `before_seq`."""

    before_seq: int


@dataclass(frozen=True, kw_only=True)
class SendMessage:
    """`message.send`: one message of the customer; the same `client_id` again means the same message.

    `conversation_id`: where it was written; None: what is shown.
    """

    client_id: str
    text: str
    attachment_ids: tuple[str, ...] = ()
    conversation_id: UUID | None = None


@dataclass(frozen=True, kw_only=True)
class MarkSeen:
    """`message.seen`: the customer has had everything up to `seq` in view."""

    seq: int


@dataclass(frozen=True, kw_only=True)
class SetTyping:
    """`chat.typing`: the customer is writing, or has stopped."""

    is_typing: bool


@dataclass(frozen=True, kw_only=True)
class StopReply:
    """`reply.stop`: the running answer isn't wanted any more."""


@dataclass(frozen=True, kw_only=True)
class RequestPerson:
    """`person.request`: the customer wants a person."""


@dataclass(frozen=True, kw_only=True)
class Ping:
    """`ping`: is anybody there, and have I missed anything?"""


Request = (
    Subscribe
    | OpenConversation
    | StartConversation
    | ListConversations
    | LoadHistory
    | SendMessage
    | MarkSeen
    | SetTyping
    | StopReply
    | RequestPerson
    | Ping
)


def parse_frame(frame: str | None) -> Request:
    """The request in a text frame (None: it was a binary one). Raises ProtocolError."""
    content = _parse_object(frame)
    name = content.get("type")
    if not isinstance(name, str):
        raise ProtocolError("bad_frame")
    parse = _PARSERS.get(name)
    if parse is None:
        raise ProtocolError("unknown_type")
    return parse(content)


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
    language = content.get("language", "")
    if not isinstance(language, str) or language not in ("", *LANGUAGES):
        raise ProtocolError("bad_frame")
    return Subscribe(
        last_seq=_seq(content, "last_seq", default=0), conversation_id=_conversation_id(content), language=language
    )


def _parse_open(content: dict[str, Any]) -> OpenConversation:
    conversation_id = _conversation_id(content)
    if conversation_id is None:
        raise ProtocolError("bad_frame")
    return OpenConversation(conversation_id=conversation_id)


def _parse_send(content: dict[str, Any]) -> SendMessage:
    client_id, text = content.get("client_id"), content.get("text")
    if not isinstance(client_id, str) or not _CLIENT_ID.fullmatch(client_id):
        raise ProtocolError("bad_frame")
    if not isinstance(text, str) or _UNSTORABLE.search(text):
        raise ProtocolError("bad_frame", client_id)
    attachment_ids = content.get("attachment_ids", [])
    if not isinstance(attachment_ids, list) or len(attachment_ids) > MAX_ATTACHMENTS:
        raise ProtocolError("bad_frame", client_id)
    if not all(isinstance(one, str) and _CLIENT_ID.fullmatch(one) for one in attachment_ids):
        raise ProtocolError("bad_frame", client_id)
    conversation_id = _conversation_id(content, client_id)
    return SendMessage(
        client_id=client_id, text=text, attachment_ids=tuple(attachment_ids), conversation_id=conversation_id
    )


def _parse_typing(content: dict[str, Any]) -> SetTyping:
    is_typing = content.get("is_typing")
    if not isinstance(is_typing, bool):
        raise ProtocolError("bad_frame")
    return SetTyping(is_typing=is_typing)


def _seq(content: dict[str, Any], name: str, default: int | None = None) -> int:
    seq = content.get(name, default)
    if type(seq) is not int or not 0 <= seq <= _MAX_SEQ:
        raise ProtocolError("bad_frame")
    return seq


def _conversation_id(content: dict[str, Any], client_id: str = "") -> UUID | None:
    value = content.get("conversation_id")
    if value is None:
        return None
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise ProtocolError("bad_frame", client_id) from None


_PARSERS: dict[str, Callable[[dict[str, Any]], Request]] = {
    "conversation.subscribe": _parse_subscribe,
    "conversation.open": _parse_open,
    "conversation.start": lambda content: StartConversation(),
    "conversation.list": lambda content: ListConversations(),
    "history.load": lambda content: LoadHistory(before_seq=_seq(content, "before_seq")),
    "message.send": _parse_send,
    "message.seen": lambda content: MarkSeen(seq=_seq(content, "seq")),
    "chat.typing": _parse_typing,
    "reply.stop": lambda content: StopReply(),
    "person.request": lambda content: RequestPerson(),
    "ping": lambda content: Ping(),
}
