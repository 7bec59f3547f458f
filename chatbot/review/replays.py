"""Replaying a conversation: its customer's turns answered again, with today's answers and model.

The web asks (`request_replay` writes a row and queues a task), a worker that has the model answers (`run`), pages read
the row. The conversation itself is only read.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chatbot import queue
from chatbot.conversations.models import Conversation, Message, Reply
from chatbot.conversations.services import FinishedReply
from chatbot.review.models import Replay

log = logging.getLogger(__name__)

Answers = Callable[[Conversation], Iterable[tuple[int, FinishedReply]]]
MAX_TURNS = 40
_GIVEN_UP_AFTER = timedelta(minutes=10)  # a worker that died left it; asking again makes another
_UNDER_WAY = (Replay.Status.WAITING, Replay.Status.RUNNING)


@transaction.atomic
def request_replay(*, conversation: Conversation, agent: User) -> Replay:
    """The replay that is under way, else a new one."""
    Conversation.objects.select_for_update().get(pk=conversation.pk)
    present = Replay.objects.filter(conversation=conversation, status__in=_UNDER_WAY).order_by("-pk").first()
    if present is not None and timezone.now() - present.created_at < _GIVEN_UP_AFTER:
        return present
    replay = Replay.objects.create(conversation=conversation, asked_by=agent)
    transaction.on_commit(partial(queue.enqueue, queue.REPLAY, replay.pk))
    return replay


def run(replay_id: int, *, answers: Answers) -> None:
    """Answers turn by turn and keeps each at once. Safe to call twice: one call takes the row."""
    taken = Replay.objects.filter(pk=replay_id, status=Replay.Status.WAITING).update(status=Replay.Status.RUNNING)
    if not taken:
        return
    replay = Replay.objects.select_related("conversation").get(pk=replay_id)
    status = Replay.Status.DONE
    try:
        for seq, finished in answers(replay.conversation):
            replay.replies = [*replay.replies, _kept(seq, finished)]
            replay.model_version = finished.model_version or replay.model_version
            Replay.objects.filter(pk=replay_id).update(replies=replay.replies, model_version=replay.model_version)
    except Exception:  # whatever it was, the page must not wait for ever; what was answered so far is kept
        log.exception("replay %s failed", replay_id)
        status = Replay.Status.FAILED
    Replay.objects.filter(pk=replay_id).update(status=status, finished_at=timezone.now())


def _kept(seq: int, finished: FinishedReply) -> dict[str, Any]:
    return {
        "seq": seq,
        "text": finished.text,
        "action": finished.action,
        "sources": [{"id": source["id"], "question": source.get("question", "")} for source in finished.sources],
        "confidence": finished.confidence,
        "degraded": finished.degraded,
    }


@dataclass(frozen=True)
class Pair:
    """One turn, then and now. `new` is None until it has been answered again."""

    question: Message
    old: Reply | None
    new: dict[str, Any] | None

    @property
    def is_changed(self) -> bool:
        """Whether the customer would have got something else: another act, other entries; not just other words."""
        if self.new is None or self.old is None or self.old.message is None:
            return self.new is not None
        now, then = ({source["id"] for source in sources} for sources in (self.new["sources"], self.old.sources))
        is_other_choice = self.old.action == Reply.Action.CLARIFY and self.new["text"] != self.old.message.text
        return self.new["action"] != self.old.action or now != then or is_other_choice

    @property
    def is_reworded(self) -> bool:
        old = self.old.message if self.old else None
        return not self.is_changed and self.new is not None and old is not None and self.new["text"] != old.text


def pairs_of(replay: Replay) -> list[Pair]:
    """The turns that the replay has or will answer, in order."""
    by_seq = {kept["seq"]: kept for kept in replay.replies}
    turns = replayed_turns(replay.conversation)
    return [Pair(turn, getattr(turn, "reply", None), by_seq.get(turn.seq)) for turn in turns]


def replayed_turns(conversation: Conversation) -> list[Message]:
    """The customer's turns that the bot had to answer: the latest MAX_TURNS, oldest first."""
    turns = conversation.messages.filter(author=Message.Author.CUSTOMER, reply__isnull=False)
    return list(turns.select_related("reply__message").order_by("-seq")[:MAX_TURNS])[::-1]
