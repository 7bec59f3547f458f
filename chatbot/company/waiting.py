"""How long a customer will wait for a person, from real figures only: the queue, and how long others waited lately.

With few figures it says that it doesn't know (None); it never guesses.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from uuid import UUID

from django.db.models import Q, QuerySet
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
    """One wait per request: from "talk to a person" or the bot's handoff to the next thing that an agent did.

    Two plain queries, put together here: asked as one, a database looks for the agent's answer behind every message.
    """
    requests = _latest_requests(since=(now or timezone.now()) - timedelta(days=WINDOW_DAYS))
    acts: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
    by_agent = Message.objects.filter(
        Q(author=Message.Author.AGENT) | Q(kind=Message.Kind.TAKEN_OVER),
        conversation__in={conversation_id for conversation_id, _, _ in requests},
    )
    for conversation_id, seq, at in by_agent.order_by("seq").values_list("conversation_id", "seq", "created_at"):
        acts[conversation_id].append((seq, at))
    waits = []
    for conversation_id, asked_seq, asked_at in requests:
        answered_at = next((at for seq, at in acts[conversation_id] if seq > asked_seq), None)
        if answered_at is not None and answered_at >= asked_at:
            waits.append((answered_at - asked_at).total_seconds())
    return waits[:NUM_WAITS]


def _latest_requests(since: datetime) -> list[tuple[UUID, int, datetime]]:
    """Conversation, seq and time, the latest first; of twice as many as are needed, since some have no answer yet."""
    real = Message.objects.filter(created_at__gte=since, conversation__is_demo=False).order_by()
    fields = ("conversation_id", "seq", "created_at")
    by_customer = real.filter(kind=Message.Kind.HANDOFF_REQUESTED).values_list(*fields)
    by_bot = real.filter(answered_reply__action=Reply.Action.HANDOFF).values_list(*fields)
    return list(by_customer.union(by_bot).order_by("-created_at")[: 2 * NUM_WAITS])


def _waiting() -> QuerySet[Conversation]:
    return Conversation.objects.filter(
        status=Conversation.Status.OPEN,
        needs_human=True,
        waiting_since__isnull=False,
        handled_by=Conversation.Handler.BOT,
    )
