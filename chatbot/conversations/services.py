"""Messages in and replies out: what customers and the bot write. What agents do is in `handling.py`.

Each function owns its transaction; events and tasks go out on its commit.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from chatbot import events, queue
from chatbot.conversations.models import Conversation, Customer, Message, Reply
from chatbot.conversations.writes import lock_conversation, publish_on_commit, publish_state_on_commit, save_message

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
    decision: dict[str, Any] = field(default_factory=dict)
    support: list[dict[str, int]] = field(default_factory=list)


@transaction.atomic
def current_conversation(*, customer: Customer, language: str = "en", site_key: str = "") -> Conversation:
    """The customer's latest conversation, started if there is none; two tabs that ask at once get the same one."""
    Customer.objects.select_for_update().get(pk=customer.pk)
    latest = Conversation.objects.filter(customer=customer).order_by("-created_at").first()
    return latest or Conversation.objects.create(customer=customer, language=language, site_key=site_key)


@transaction.atomic
def start_conversation(*, customer: Customer, language: str = "en", site_key: str = "") -> Conversation:
    """Another conversation of the customer; the latest one when nothing has been said in it yet."""
    Customer.objects.select_for_update().get(pk=customer.pk)
    latest = Conversation.objects.filter(customer=customer).order_by("-created_at").first()
    if latest and latest.last_seq == 0:
        return latest
    return Conversation.objects.create(customer=customer, language=language, site_key=site_key)


@transaction.atomic
def set_language(*, conversation: Conversation, language: str) -> None:
    """The customer reads on in another language; nothing said so far changes."""
    Conversation.objects.filter(pk=conversation.pk).update(language=language)


@transaction.atomic
def rate_reply(*, reply: Reply, rating: str, reason: str = "") -> None:
    """The customer's thumb (`up`, `down`, or "" to take it back) with a reason; a later one replaces it."""
    Reply.objects.filter(pk=reply.pk).update(rating=rating, rating_reason=reason.strip()[:300], rated_at=timezone.now())
    publish_on_commit(events.ConversationChanged(conversation_id=str(reply.conversation_id)))


@transaction.atomic
def rate_conversation(*, conversation: Conversation, rating: int, comment: str = "") -> None:
    """1 to 5 by the customer, with a comment; a later one replaces it."""
    Conversation.objects.filter(pk=conversation.pk).update(
        rating=rating, rating_comment=comment.strip(), rated_at=timezone.now()
    )
    publish_on_commit(events.ConversationChanged(conversation_id=str(conversation.pk)))
    publish_state_on_commit(conversation.pk)


def mark_seen_by_customer(*, conversation: Conversation, seq: int) -> None:
    """The customer has had everything up to `seq` in view. Never goes back."""
    _mark_seen(conversation.pk, "customer_seen_seq", seq)


def _mark_seen(conversation_id: UUID, column: str, seq: int) -> None:
    newer = Conversation.objects.filter(pk=conversation_id, last_seq__gte=seq, **{f"{column}__lt": seq})
    with transaction.atomic():
        if newer.update(**{column: seq}):
            publish_state_on_commit(conversation_id)


@transaction.atomic
def receive_message(
    *, conversation: Conversation, text: str, client_id: str, attachments: Sequence[dict[str, Any]] = ()
) -> Message:
    """Saves a customer's message and the promise of a reply together, once per `client_id`.

    While an agent has the conversation there is no reply: the agent answers. A closed or snoozed one is open again.
    `attachments` as `chatbot.attachments` describes them; with one of them the text may be empty.
    Returns the message; the earlier one when the same `client_id` comes again. Raises MessageRefusedError.
    """
    text = text.strip()
    if not text and not attachments:
        raise MessageRefusedError("empty")
    if len(text) > settings.MESSAGE_MAX_CHARS:
        raise MessageRefusedError("too_long")
    locked = lock_conversation(conversation.pk)
    earlier = Message.objects.filter(conversation=conversation, client_id=client_id).first() if client_id else None
    if earlier:
        return earlier
    _wake(locked)
    message = save_message(
        conversation.pk, Message.Author.CUSTOMER, text, client_id=client_id, attachments=list(attachments)
    )
    transaction.on_commit(partial(queue.enqueue, queue.ANALYSE_MESSAGE, message.pk))
    if locked.handled_by == Conversation.Handler.AGENT or not text:
        _wait_for_person(conversation.pk, since=message.created_at)
        return message
    promise_reply(message)
    return message


def promise_reply(message: Message) -> None:
    """The bot will answer this message; also one whose reply was cancelled. The conversation must be locked."""
    reply, is_new = Reply.objects.get_or_create(
        customer_message=message,
        defaults={"conversation_id": message.conversation_id, "queued_at": message.created_at},
    )
    if not is_new:
        cancelled = Reply.objects.filter(pk=reply.pk, status=Reply.Status.CANCELLED)
        if not cancelled.update(
            status=Reply.Status.PENDING, cancel_reason="", finished_at=None, queued_at=timezone.now()
        ):
            return
    transaction.on_commit(partial(queue.enqueue, queue.GENERATE_REPLY, reply.pk, reply.attempt))


def _wake(locked: Conversation) -> None:
    """A customer who writes again opens what was closed and ends a snooze."""
    if locked.status == Conversation.Status.OPEN and locked.snoozed_until is None:
        return
    Conversation.objects.filter(pk=locked.pk).update(
        status=Conversation.Status.OPEN, closed_at=None, snoozed_until=None
    )
    publish_state_on_commit(locked.pk)


def _wait_for_person(conversation_id: UUID, *, since: datetime) -> None:
    """The customer waits for a person, from the first unanswered message on."""
    waiting = Conversation.objects.filter(pk=conversation_id)
    waiting.update(needs_human=True, waiting_since=Coalesce("waiting_since", Value(since)))
    publish_state_on_commit(conversation_id)


@transaction.atomic
def request_person(*, conversation: Conversation) -> None:
    """The customer pressed "talk to a person". Safe to press twice: the first moment counts."""
    locked = lock_conversation(conversation.pk)
    if locked.waiting_since is not None or locked.handled_by == Conversation.Handler.AGENT:
        return
    _wake(locked)
    message = save_message(conversation.pk, Message.Author.SYSTEM, "", kind=Message.Kind.HANDOFF_REQUESTED)
    _wait_for_person(conversation.pk, since=message.created_at)


@transaction.atomic
def stop_reply(*, conversation: Conversation) -> None:
    """The customer doesn't want the running answer any more. Nothing happens when there is none."""
    lock_conversation(conversation.pk)
    if cancel_unfinished_replies(conversation.pk, reason=Reply.STOPPED):
        save_message(conversation.pk, Message.Author.SYSTEM, "", kind=Message.Kind.STOPPED)


def cancel_unfinished_replies(conversation_id: UUID, *, reason: str) -> int:
    """Closes what the bot hasn't finished, for good; the worker on it stops at its next delta. Returns how many.

    The conversation must be locked, so that no reply is finished in between.
    """
    unfinished = list(Reply.objects.unfinished().filter(conversation=conversation_id))
    for reply in unfinished:
        Reply.objects.filter(pk=reply.pk).update(
            status=Reply.Status.CANCELLED,
            cancel_reason=reason,
            finished_at=timezone.now(),
            lease_expires_at=None,
            attempt=F("attempt") + 1,
        )
        publish_on_commit(
            events.ReplyCancelled(
                conversation_id=str(conversation_id), reply_id=reply.pk, attempt=reply.attempt, reason=reason
            )
        )
    return len(unfinished)


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
    publish_on_commit(
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
    lock_conversation(reply.conversation_id)
    if not _mine(reply).exists():
        return None
    message = save_message(reply.conversation_id, Message.Author.BOT, finished.text, is_announced=False)
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
        decision=finished.decision,
        support=finished.support,
    )
    Conversation.objects.filter(pk=reply.conversation_id).update(last_action=finished.action)
    if finished.action == Reply.Action.HANDOFF or finished.degraded:
        _wait_for_person(reply.conversation_id, since=now)
    saved = Message.objects.with_reply().get(pk=message.pk)
    publish_on_commit(
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
def record_sentiment(
    *, message: Message, label: str, probability: float, phrases: Sequence[tuple[int, int]] = ()
) -> None:
    """Stores what the classifier says of one customer message. Safe to call twice.

    `phrases`: (start, end) in code points of what drove the label.
    """
    Message.objects.filter(pk=message.pk).update(
        sentiment=label, sentiment_probability=probability, sentiment_phrases=[list(phrase) for phrase in phrases]
    )
    publish_on_commit(
        events.MessageAnalysed(
            conversation_id=str(message.conversation_id), seq=message.seq, sentiment=label, probability=probability
        )
    )


@transaction.atomic
def record_mood(*, conversation_id: UUID, mood: str, score: float, trend: float) -> None:
    Conversation.objects.filter(pk=conversation_id).update(mood=mood, mood_score=score, mood_trend=trend)
    publish_on_commit(events.ConversationChanged(conversation_id=str(conversation_id)))


def _mine(reply: Reply) -> models.QuerySet[Reply]:
    """The row, as long as it still belongs to this attempt."""
    return Reply.objects.filter(pk=reply.pk, status=Reply.Status.RUNNING, attempt=reply.attempt)


def _lease_end(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.REPLY_LEASE_S)
