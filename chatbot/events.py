"""Door out 2: what happened, as events for browsers, and `publish`.

Events are facts, sent at most once: a browser that missed one reads rows (`conversation.subscribe` with its last seq).
All sends of a process go out in order through one background event loop; `publish` never waits for Redis.
"""

import asyncio
import logging
import threading
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

DESK_GROUP = "desk"
_MAX_QUEUED_EVENTS = 10_000


def conversation_group(conversation_id: str) -> str:
    return f"conversation.{conversation_id}"


@dataclass(frozen=True, kw_only=True)
class MessagePayload:
    """One message as browsers get it. `created_at` is ISO 8601 with zone. `sources`: id, question and text each."""

    id: int
    seq: int
    author: str
    text: str
    created_at: str
    kind: str = ""
    attachments: list[dict[str, Any]] = field(default_factory=list)
    client_id: str = ""
    agent_name: str = ""
    reply_id: int | None = None
    action: str = ""
    degraded: str = ""
    sources: list[dict[str, Any]] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)
    rating: str = ""


@dataclass(frozen=True, kw_only=True)
class ConversationState:
    """Who has a conversation now, as browsers get it. `*_seen_seq`: the last message that this side has had in view."""

    status: str
    handled_by: str
    needs_human: bool
    agent_name: str
    customer_seen_seq: int
    agent_seen_seq: int
    rating: int | None


@dataclass(frozen=True, kw_only=True)
class Event:
    """A fact about one conversation. `name` is its type on the wire; `is_for_desk` keeps it from customers."""

    name: ClassVar[str]
    is_for_desk: ClassVar[bool] = False
    conversation_id: str

    @property
    def group(self) -> str:
        return DESK_GROUP if self.is_for_desk else conversation_group(self.conversation_id)


@dataclass(frozen=True, kw_only=True)
class MessageSaved(Event):
    name: ClassVar[str] = "message.saved"
    message: MessagePayload


@dataclass(frozen=True, kw_only=True)
class ReplyStarted(Event):
    """A worker took the reply up. A higher `attempt` replaces whatever an earlier one showed."""

    name: ClassVar[str] = "reply.started"
    reply_id: int
    attempt: int


@dataclass(frozen=True, kw_only=True)
class ReplyDelta(Event):
    """`text` is the whole reply so far, so that a browser that missed earlier deltas is right after any one of them."""

    name: ClassVar[str] = "reply.delta"
    reply_id: int
    attempt: int
    text: str


@dataclass(frozen=True, kw_only=True)
class ReplyFinished(Event):
    name: ClassVar[str] = "reply.finished"
    reply_id: int
    attempt: int
    message: MessagePayload


@dataclass(frozen=True, kw_only=True)
class ReplyCancelled(Event):
    """The reply will not come: an agent took over (`taken_over`), or the customer stopped it (`stopped`)."""

    name: ClassVar[str] = "reply.cancelled"
    reply_id: int
    attempt: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class StateChanged(Event):
    name: ClassVar[str] = "conversation.state"
    state: ConversationState


@dataclass(frozen=True, kw_only=True)
class Typing(Event):
    """Somebody (`author`: customer or agent) is typing now; browsers forget it after a few seconds without another."""

    name: ClassVar[str] = "chat.typing"
    author: str
    agent_name: str = ""
    is_typing: bool = True


@dataclass(frozen=True, kw_only=True)
class MessageAnalysed(Event):
    name: ClassVar[str] = "message.analysed"
    is_for_desk: ClassVar[bool] = True
    seq: int
    sentiment: str
    probability: float


@dataclass(frozen=True, kw_only=True)
class ConversationChanged(Event):
    """Its row or its context at the desk is out of date: new message, sentiment, review, assignment, note or tag."""

    name: ClassVar[str] = "conversation.changed"
    is_for_desk: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class NotesChanged(Event):
    """The internal notes below the message `after_seq` are not what they were."""

    name: ClassVar[str] = "notes.changed"
    is_for_desk: ClassVar[bool] = True
    after_seq: int


@dataclass(frozen=True, kw_only=True)
class PresenceChanged(Event):
    """Who of the agents is at a conversation now. `people`: id, name, initials and is_typing of each."""

    name: ClassVar[str] = "presence.changed"
    is_for_desk: ClassVar[bool] = True
    people: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class AssistReady(Event):
    """A row of `chatbot.assist` is ready to be read. `kind`: summary, suggestion, translation, alternatives, facts.

    `alternatives` belong to an answer, not to a conversation: their `conversation_id` is empty.
    """

    name: ClassVar[str] = "assist.ready"
    is_for_desk: ClassVar[bool] = True
    kind: str
    row_id: int


class _Publisher:
    """One thread with one event loop that sends queued events in order; started on first use, once per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: asyncio.Queue[Event] | None = None

    def put(self, event: Event) -> None:
        loop, queue = self._running_loop()
        loop.call_soon_threadsafe(self._put_in_loop, queue, event)

    def flush(self, timeout_s: float = 5.0) -> None:
        """Waits until everything published so far has been handed to the channel layer."""
        if self._loop is not None and self._queue is not None:
            asyncio.run_coroutine_threadsafe(self._queue.join(), self._loop).result(timeout_s)

    def _running_loop(self) -> tuple[asyncio.AbstractEventLoop, "asyncio.Queue[Event]"]:
        with self._lock:
            if self._loop is None or self._queue is None:
                started = threading.Event()
                threading.Thread(target=self._run, args=(started,), name="publisher", daemon=True).start()
                started.wait()
            assert self._loop is not None and self._queue is not None
            return self._loop, self._queue

    def _run(self, started: threading.Event) -> None:
        asyncio.run(self._send_all(started))

    async def _send_all(self, started: threading.Event) -> None:
        queue: asyncio.Queue[Event] = asyncio.Queue(_MAX_QUEUED_EVENTS)
        self._loop, self._queue = asyncio.get_running_loop(), queue
        started.set()
        layer = get_channel_layer()
        while True:
            event = await queue.get()
            try:
                await layer.group_send(event.group, _envelope(event))
            except Exception:  # a lost event is caught up from rows; a dead loop would lose all of them
                log.warning("event %s of %s was not sent", event.name, event.conversation_id, exc_info=True)
            finally:
                queue.task_done()

    @staticmethod
    def _put_in_loop(queue: "asyncio.Queue[Event]", event: Event) -> None:
        try:
            queue.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("event %s of %s dropped: the queue is full", event.name, event.conversation_id)


def _envelope(event: Event) -> dict[str, Any]:
    return {"type": "forward.event", "event": event.name, "data": asdict(event)}


_publisher = _Publisher()


def publish(event: Event) -> None:
    """Sends an event to its group soon, in order, without waiting. Call it after the commit of what it tells."""
    _publisher.put(event)


def flush(timeout_s: float = 5.0) -> None:
    """Waits until all events published so far are on their way (process shutdown, tests)."""
    _publisher.flush(timeout_s)
