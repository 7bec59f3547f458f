"""Every write to a conversation. Each function owns its transaction; events and tasks go out on its commit."""

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from chatbot import events, queue
from chatbot.conversations.models import Conversation, Customer, Message, Reply, Review

log = logging.getLogger(__name__)


class MessageRefusedError(ValueError):
    """A message that can't be taken as it is. `code` is stable: `empty` or `too_long`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, kw_only=True)
class FinishedReply:
    """What the reply pipeline decided. See `Reply` for the fields; `sources` and `options` are JSON-ready."""

    text: str
    action: str
    sources: list[dict[str, Any]] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)
    standalone_question: str = ""
    confidence: float | None = None
    model_version: str = ""
    origin: str = ""
    degraded: str = ""
    timings_ms: dict[str, float] = field(default_factory=dict)


@transaction.atomic
def current_conversation(*, customer: Customer, language: str = "en") -> Conversation:
    """The customer's latest conversation, started if there is none; two tabs that ask at once get the same one."""
    Customer.objects.select_for_update().get(pk=customer.pk)
    latest = Conversation.objects.filter(customer=customer).order_by("-created_at").first()
    return latest or Conversation.objects.create(customer=customer, language=language)


@transaction.atomic
def receive_message(*, conversation: Conversation, text: str, client_id: str) -> Message:
    """Saves a customer's message and the promise of a reply together, once per `client_id`.

    Returns the message; the earlier one when the same `client_id` comes again. Raises MessageRefusedError.
    """
    text = text.strip()
    if not text:
        raise MessageRefusedError("empty")
    if len(text) > settings.MESSAGE_MAX_CHARS:
        raise MessageRefusedError("too_long")
    _lock_conversation(conversation.pk)
    earlier = Message.objects.filter(conversation=conversation, client_id=client_id).first() if client_id else None
    if earlier:
        return earlier
    message = _save_message(conversation.pk, Message.Author.CUSTOMER, text, client_id=client_id)
    reply = Reply.objects.create(customer_message=message, conversation=conversation, queued_at=message.created_at)
    transaction.on_commit(partial(queue.enqueue, queue.GENERATE_REPLY, reply.pk, reply.attempt))
    transaction.on_commit(partial(queue.enqueue, queue.ANALYSE_MESSAGE, message.pk))
    return message


@transaction.atomic
def claim_reply(*, reply_id: int, attempt: int) -> Reply | None:
    """Takes a PENDING reply for this worker. None: somebody else has it, it is done, or an earlier one comes first."""
    now = timezone.now()
    earlier = Reply.objects.unfinished().filter(
        conversation=OuterRef("conversation"), customer_message__seq__lt=OuterRef("customer_message__seq")
    )
    candidate = Reply.objects.filter(~Exists(earlier), pk=reply_id).values("pk")
    num_claimed = Reply.objects.filter(pk__in=candidate, status=Reply.Status.PENDING, attempt=attempt).update(
        status=Reply.Status.RUNNING, started_at=now, first_delta_at=None, lease_expires_at=_lease_end(now)
    )
    if num_claimed != 1:
        return None
    reply = Reply.objects.select_related("customer_message", "conversation").get(pk=reply_id)
    _publish_on_commit(
        events.ReplyStarted(conversation_id=str(reply.conversation_id), reply_id=reply.pk, attempt=reply.attempt)
    )
    return reply


def renew_lease(*, reply: Reply) -> bool:
    """Keeps a running reply for this worker; False when it was taken away in the meantime."""
    return _mine(reply).update(lease_expires_at=_lease_end(timezone.now())) == 1


def record_first_delta(*, reply: Reply) -> None:
    _mine(reply).filter(first_delta_at=None).update(first_delta_at=timezone.now())


@transaction.atomic
def finish_reply(*, reply: Reply, finished: FinishedReply) -> Message | None:
    """Saves the bot's message and closes the reply, once. None, and nothing is written, for an older attempt."""
    now = timezone.now()
    _lock_conversation(reply.conversation_id)
    if not _mine(reply).exists():
        return None
    message = _save_message(reply.conversation_id, Message.Author.BOT, finished.text, is_announced=False)
    _mine(reply).update(
        status=Reply.Status.DONE,
        message=message,
        finished_at=now,
        lease_expires_at=None,
        action=finished.action,
        sources=finished.sources,
        options=finished.options,
        standalone_question=finished.standalone_question,
        confidence=finished.confidence,
        model_version=finished.model_version,
        origin=finished.origin,
        degraded=finished.degraded,
        timings_ms=finished.timings_ms,
    )
    if finished.action == Reply.Action.HANDOFF or finished.degraded:
        Conversation.objects.filter(pk=reply.conversation_id).update(needs_human=True)
    saved = Message.objects.with_reply().get(pk=message.pk)
    _publish_on_commit(
        events.ReplyFinished(
            conversation_id=str(reply.conversation_id),
            reply_id=reply.pk,
            attempt=reply.attempt,
            message=saved.payload(),
        )
    )
    following = Reply.objects.filter(conversation=reply.conversation_id, status=Reply.Status.PENDING)
    waiting = following.order_by("customer_message__seq").first()
    if waiting:
        transaction.on_commit(partial(queue.enqueue, queue.GENERATE_REPLY, waiting.pk, waiting.attempt))
    return saved


def requeue_stuck_replies() -> list[int]:
    """Queues again what no worker holds: leases that ran out, and replies that nobody claimed in time.

    Returns the ids of replies that have used up their attempts; the caller finishes them without the model.
    Safe to call at any time and from several processes at once: each reply moves to its next attempt once.
    """
    now = timezone.now()
    pending_since = now - timedelta(seconds=settings.REPLY_PENDING_DEADLINE_S)
    is_stuck = Q(status=Reply.Status.RUNNING, lease_expires_at__lt=now) | Q(
        status=Reply.Status.PENDING, queued_at__lt=pending_since
    )
    exhausted = []
    for reply_id, attempt in list(Reply.objects.filter(is_stuck).values_list("pk", "attempt")):
        if attempt >= settings.REPLY_MAX_ATTEMPTS:
            exhausted.append(reply_id)
            continue
        num_moved = Reply.objects.filter(is_stuck, pk=reply_id, attempt=attempt).update(
            status=Reply.Status.PENDING, attempt=F("attempt") + 1, queued_at=now, lease_expires_at=None
        )
        if num_moved:
            log.warning("reply %s was stuck: attempt %s begins", reply_id, attempt + 1)
            queue.enqueue(queue.GENERATE_REPLY, reply_id, attempt + 1)
    return exhausted


@transaction.atomic
def take_exhausted_reply(*, reply_id: int) -> Reply | None:
    """Claims a stuck reply that has no attempts left, to be finished without the model. None: no longer stuck."""
    now = timezone.now()
    is_stuck = Q(status=Reply.Status.RUNNING, lease_expires_at__lt=now) | Q(status=Reply.Status.PENDING)
    num_taken = Reply.objects.filter(is_stuck, pk=reply_id, attempt=settings.REPLY_MAX_ATTEMPTS).update(
        status=Reply.Status.RUNNING,
        attempt=F("attempt") + 1,
        started_at=now,
        lease_expires_at=_lease_end(now),
    )
    if num_taken != 1:
        return None
    return Reply.objects.select_related("customer_message", "conversation").get(pk=reply_id)


@transaction.atomic
def record_sentiment(*, message: Message, label: str, probability: float) -> None:
    """Stores what the classifier says of one customer message. Safe to call twice."""
    Message.objects.filter(pk=message.pk).update(sentiment=label, sentiment_probability=probability)
    _publish_on_commit(
        events.MessageAnalysed(
            conversation_id=str(message.conversation_id), seq=message.seq, sentiment=label, probability=probability
        )
    )


@transaction.atomic
def record_mood(*, conversation_id: UUID, mood: str, score: float, trend: float) -> None:
    Conversation.objects.filter(pk=conversation_id).update(mood=mood, mood_score=score, mood_trend=trend)
    _publish_on_commit(events.ConversationChanged(conversation_id=str(conversation_id)))


@transaction.atomic
def review_reply(*, reply: Reply, reviewer: User, verdict: str, better_text: str = "") -> Review:
    """One review per reviewer and reply; a later one replaces it."""
    review, _ = Review.objects.update_or_create(
        reply=reply, reviewer=reviewer, defaults={"verdict": verdict, "better_text": better_text.strip()}
    )
    _publish_on_commit(events.ConversationChanged(conversation_id=str(reply.conversation_id)))
    return review


def _lock_conversation(conversation_id: UUID) -> None:
    """Until the commit nobody else adds a message to it. (On SQLite the transaction itself keeps all others out.)"""
    Conversation.objects.select_for_update().get(pk=conversation_id)


def _save_message(
    conversation_id: UUID, author: str, text: str, *, client_id: str = "", is_announced: bool = True
) -> Message:
    """Adds a message under the next seq; the conversation must be locked."""
    now = timezone.now()
    Conversation.objects.filter(pk=conversation_id).update(last_seq=F("last_seq") + 1, last_message_at=now)
    seq = Conversation.objects.values_list("last_seq", flat=True).get(pk=conversation_id)
    message = Message.objects.create(
        conversation_id=conversation_id, seq=seq, author=author, text=text, client_id=client_id, created_at=now
    )
    if is_announced:
        _publish_on_commit(events.MessageSaved(conversation_id=str(conversation_id), message=message.payload()))
    _publish_on_commit(events.ConversationChanged(conversation_id=str(conversation_id)))
    return message


def _mine(reply: Reply) -> models.QuerySet[Reply]:
    """The row, as long as it still belongs to this attempt."""
    return Reply.objects.filter(pk=reply.pk, status=Reply.Status.RUNNING, attempt=reply.attempt)


def _lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.REPLY_LEASE_S)


def _publish_on_commit(event: events.Event) -> None:
    transaction.on_commit(partial(events.publish, event))
