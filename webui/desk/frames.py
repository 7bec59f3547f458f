"""What agents' browsers may say over the desk's socket, as typed requests. Knows no socket and no database."""

import json
from dataclasses import dataclass
from uuid import UUID

_MAX_CHARS = 400


class FrameError(ValueError):
    """A frame that isn't understood."""


@dataclass(frozen=True, kw_only=True)
class Looking:
    """`presence.looking`: the conversation that the desk shows now; None: only the list."""

    conversation_id: UUID | None


@dataclass(frozen=True, kw_only=True)
class Typing:
    """`presence.typing`: the agent writes to this customer, or has stopped."""

    conversation_id: UUID
    is_typing: bool


def parse_frame(frame: str | None) -> Looking | Typing:
    """The request in a text frame. Raises FrameError."""
    if frame is None or len(frame) > _MAX_CHARS:
        raise FrameError
    try:
        content = json.loads(frame)
    except (ValueError, RecursionError):
        raise FrameError from None
    if not isinstance(content, dict):
        raise FrameError
    id, is_typing = content.get("conversation_id"), content.get("is_typing")
    match content.get("type"):
        case "presence.looking":
            return Looking(conversation_id=None if id is None else _uuid(id))
        case "presence.typing" if isinstance(is_typing, bool):
            return Typing(conversation_id=_uuid(id), is_typing=is_typing)
    raise FrameError


def _uuid(id: object) -> UUID:
    if not isinstance(id, str):
        raise FrameError
    try:
        return UUID(id)
    except ValueError:
        raise FrameError from None
