"""What the review page shows: the queue's rows, one turn with its context, the figures. A fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.utils import timezone

from chatbot.conversations.models import Message, Reply
from chatbot.review import figures
from chatbot.review.corrections import suggested_question
from chatbot.review.models import Correction, QueueItem
from chatbot.review.queue import REASONS
from webui.desk.review.address import REASON_LABELS, QueueAddress
from webui.desk.review.marking import Marking, markings_of

PAGE_SIZE = 30
NUM_TURNS_BEFORE = 6
FIGURES_OF_DAYS = 30
_MAX_ENTRIES = 8


@dataclass(frozen=True)
class QueueRow:
    """One waiting turn in the list."""

    item: QueueItem

    @property
    def message(self) -> Message:
        return self.item.message

    @property
    def reasons(self) -> list[object]:
        return reasons_of(self.item)


@dataclass(frozen=True)
class Turn:
    """One turn opened: what was said before, the question, the reply, and what people have made of it."""

    message: Message
    reply: Reply | None
    before: Sequence[Message]
    reasons: Sequence[object]
    is_sampled: bool
    marking: Marking
    entries: Sequence[dict[str, str]]
    corrections: Sequence[Correction]
    suggested_question: str

    @property
    def is_silent(self) -> bool:
        """The bot never answered it: a person did, or the customer stopped it."""
        return self.reply is None or self.reply.message is None


def reasons_of(item: QueueItem) -> list[object]:
    return [REASON_LABELS[name] for name in REASONS if getattr(item, f"is_{name}")]


def rows_of(wanted: QueueAddress, reviewer: User | AnonymousUser) -> list[QueueRow]:
    items = wanted.items(reviewer).select_related("message__conversation")
    return [QueueRow(item) for item in items[:PAGE_SIZE]]


def turn_of(message: Message, viewer: User | AnonymousUser) -> Turn:
    """`message`: a customer's, fetched with its reply and conversation."""
    reply: Reply | None = getattr(message, "reply", None)
    earlier = Message.objects.filter(conversation=message.conversation_id, seq__lt=message.seq).order_by("-seq")
    item = QueueItem.objects.filter(pk=message.pk).first()
    return Turn(
        message=message,
        reply=reply,
        before=list(earlier[:NUM_TURNS_BEFORE])[::-1],
        reasons=reasons_of(item) if item else [],
        is_sampled=item is not None and item.is_sampled,
        marking=markings_of([message], viewer)[message.pk],
        entries=_entries(reply),
        corrections=list(message.corrections.select_related("draft", "author").order_by("pk")),
        suggested_question=suggested_question(message),
    )


def _entries(reply: Reply | None) -> list[dict[str, str]]:
    """The entries that the bot had in mind: those it used first, then those it weighed."""
    if reply is None:
        return []
    known = [*reply.sources, *reply.options, *reply.decision.get("entries", [])]
    by_id = {entry["id"]: str(entry.get("question", "")) for entry in reversed(known) if entry.get("id")}
    return [{"id": id, "question": by_id[id]} for id in reversed(by_id)][:_MAX_ENTRIES]


def side_context(reviewer: User | AnonymousUser) -> dict[str, Any]:
    """The quiet pane: how far this reviewer is, how often the bot is right, how far reviewers agree."""
    now = timezone.now()
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    return {
        "progress": figures.progress(reviewer=reviewer, today=today),
        "figures": figures.figures(since=now - timedelta(days=FIGURES_OF_DAYS)),
        "figures_of_days": FIGURES_OF_DAYS,
        "max_counted": figures.MAX_COUNTED,
    }
