"""Which turns should be looked at, and why.

Risk is a sum of points: thumbs down 40, an unhappy turn 25, handed off 15, declined 15, and low confidence up to 20
(20 * (1 - confidence / LOW_CONFIDENCE)). Beside these, one answered turn in SAMPLE_ONE_IN is drawn by a hash of its
number alone: a sample that no outcome influences, from which the rate of right replies is estimated. A drawn turn
waits in the sample only, whatever its risk.
"""

import hashlib
import time
from collections.abc import Iterable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from chatbot.conversations.models import Reply
from chatbot.review.models import QueueItem, QueueState, Review

LOW_CONFIDENCE = 0.6
SAMPLE_ONE_IN = 20
NUM_REVIEWERS = 2  # so many people see an item; then it leaves everybody's queue
BATCH = 2000
REASONS = ("disliked", "negative", "handed_off", "declined", "unsure")
_POINTS = {"disliked": 40, "negative": 25, "handed_off": 15, "declined": 15}
_UNSURE_POINTS = 20
_LOOK_BACK = timedelta(minutes=5)  # a reply may be finished, and a thumb given, after it was looked at
_TIME_LIMIT_S = 10.0


def is_drawn(message_id: int) -> bool:
    """Stable, and independent of everything but the number."""
    digest = hashlib.sha256(f"review:{message_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % SAMPLE_ONE_IN == 0


def assess(reply: Reply) -> QueueItem | None:
    """The item of this reply's turn; None when there is no reason to look at it."""
    message = reply.customer_message
    is_done = reply.status == Reply.Status.DONE
    reasons = {
        "disliked": reply.rating == Reply.Rating.DOWN,
        "negative": message.sentiment == "negative",
        "handed_off": reply.action == Reply.Action.HANDOFF,
        "declined": reply.action == Reply.Action.DECLINE,
        "unsure": is_done and reply.confidence is not None and reply.confidence < LOW_CONFIDENCE,
    }
    is_sampled = is_done and is_drawn(message.pk)
    if not (any(reasons.values()) or is_sampled):
        return None
    risk = sum(points for name, points in _POINTS.items() if reasons[name])
    if reasons["unsure"]:
        risk += round(_UNSURE_POINTS * (1 - max(0.0, reply.confidence or 0.0) / LOW_CONFIDENCE))
    return QueueItem(
        message=message,
        risk=risk,
        is_sampled=is_sampled,
        language=reply.conversation.language[:2],
        sentiment=message.sentiment,
        at=message.created_at,
        **{f"is_{name}": holds for name, holds in reasons.items()},
    )


def fill_queue() -> None:
    """Takes in what is new since the last time, for at most about ten seconds. Safe to repeat."""
    end = time.monotonic() + _TIME_LIMIT_S
    while _fill(BATCH) == BATCH and time.monotonic() < end:
        pass


def look_again(message_id: int) -> None:
    """Assesses one turn anew: its sentiment, rating or reply has just come."""
    _put(_ended().filter(customer_message=message_id))


@transaction.atomic
def _fill(limit: int) -> int:
    """Looks at up to `limit` further replies and at fresh thumbs; returns how many were further."""
    now = timezone.now()
    QueueState.objects.get_or_create(pk=QueueState.ONLY_PK)
    state = QueueState.objects.select_for_update().get(pk=QueueState.ONLY_PK)
    replies = Reply.objects.filter(pk__gt=state.last_reply_id).order_by("pk")
    further = list(replies.values_list("pk", "queued_at")[:limit])
    since = (state.looked_at or now) - _LOOK_BACK
    rated = Reply.objects.filter(rated_at__isnull=False, rated_at__gte=since).values_list("pk", flat=True)[:limit]
    _put(_ended().filter(pk__in=[pk for pk, _at in further]))
    _put(_ended().filter(pk__in=list(rated)))
    settled = [pk for pk, queued_at in further if queued_at < now - _LOOK_BACK]  # the others are looked at again
    state.last_reply_id = settled[-1] if settled else state.last_reply_id
    state.looked_at = now
    state.save(update_fields=["last_reply_id", "looked_at"])
    return len(settled)


def _ended() -> QuerySet[Reply]:
    ended = Reply.objects.filter(status__in=[Reply.Status.DONE, Reply.Status.CANCELLED])
    return ended.select_related("customer_message", "conversation").only(
        "status", "rating", "action", "confidence", "customer_message__sentiment", "customer_message__created_at",
        "conversation__language",
    )  # fmt: skip


def _put(replies: Iterable[Reply]) -> None:
    items = [item for reply in replies if (item := assess(reply)) is not None]
    known = ["risk", "sentiment", "is_sampled", *(f"is_{name}" for name in REASONS)]
    QueueItem.objects.bulk_create(
        items, update_conflicts=True, unique_fields=["message"], update_fields=known, batch_size=500
    )
    reviewed = Review.objects.filter(message__in=[item.message_id for item in items])
    for message_id in reviewed.values_list("message", flat=True).distinct():
        follow_reviews(message_id)


def follow_reviews(message_id: int) -> None:
    """Brings the item up to date: enough people close it, different verdicts wait for an admin's pick."""
    said = list(Review.objects.filter(message=message_id).values_list("verdict", "is_authoritative"))
    is_picked = any(is_authoritative for _verdict, is_authoritative in said)
    is_disputed = len({verdict for verdict, _ in said}) > 1 and not is_picked
    QueueItem.objects.filter(pk=message_id).update(is_open=len(said) < NUM_REVIEWERS, is_disputed=is_disputed)
