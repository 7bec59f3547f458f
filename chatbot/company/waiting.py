"""How long a customer will wait for a person, from real figures only: the queue, and how long others waited lately.

With few figures it says that it doesn't know (None); it never guesses.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from chatbot.conversations.models import Conversation, Message, Reply

MIN_WAITS = 3  # fewer say nothing
NUM_WAITS = 50  # the latest ones only, within the window below
WINDOW_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class Wait:
    """`place`: 1 is next. `waited_s`: so far. `expected_s`: the median of recent waits, from the request on."""

    place: int
    waited_s: int
    expected_s: int | None


def wait_of(conversation: Conversation, *, now: datetime | None = None) -> Wait | None:
    """None: the customer waits for nobody."""
    now = now or timezone.now()
    row = Conversation.objects.get(pk=conversation.pk)
    if row.waiting_since is None or not row.needs_human or row.handled_by == Conversation.Handler.AGENT:
        return None
    ahead = _waiting().filter(
        Q(waiting_since__lt=row.waiting_since) | Q(waiting_since=row.waiting_since, pk__lt=row.pk)
    )
    waited_s = max(0, int((now - row.waiting_since).total_seconds()))
    return Wait(place=ahead.count() + 1, waited_s=waited_s, expected_s=expected_wait_s(now=now))


def expected_wait_s(*, now: datetime | None = None) -> int | None:
    """The median time, in seconds, from a request for a person to the person, over recent ones that were answered."""
    waits = recent_waits_s(now=now)
    return round(median(waits)) if len(waits) >= MIN_WAITS else None


def recent_waits_s(*, now: datetime | None = None) -> list[float]:
    """One wait per request: from "talk to a person" or the bot's handoff to the next thing that an agent did."""
    since = (now or timezone.now()) - timedelta(days=WINDOW_DAYS)
    answered = Message.objects.filter(
        Q(author=Message.Author.AGENT) | Q(kind=Message.Kind.TAKEN_OVER),
        conversation=OuterRef("conversation"),
        seq__gt=OuterRef("seq"),
    ).order_by("seq")
    asked = (
        Message.objects.filter(
            Q(kind=Message.Kind.HANDOFF_REQUESTED) | Q(answered_reply__action=Reply.Action.HANDOFF),
            created_at__gte=since,
            conversation__is_demo=False,
        )
        .annotate(answered_at=Subquery(answered.values("created_at")[:1]))
        .filter(answered_at__isnull=False, answered_at__gte=F("created_at"))
        .order_by("-created_at")
    )
    pairs = asked.values_list("created_at", "answered_at")[:NUM_WAITS]
    return [(answered_at - created_at).total_seconds() for created_at, answered_at in pairs]


def _waiting() -> QuerySet[Conversation]:
    return Conversation.objects.filter(
        status=Conversation.Status.OPEN,
        needs_human=True,
        waiting_since__isnull=False,
        handled_by=Conversation.Handler.BOT,
    )
