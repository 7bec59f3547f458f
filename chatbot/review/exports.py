"""Conversations as rows to take away: one per conversation or one per message, in pieces that fit in memory.

Yields plain values; which file they become is the web's. Between two pieces nothing is open in the database, so a slow
download keeps nobody waiting. With `is_redacted`, who the customer is is taken out (`redaction.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from chatbot.conversations.models import Conversation, ConversationQuerySet, Message, Reply, agent_display_name
from chatbot.inbox import search
from chatbot.review.models import Review
from chatbot.review.redaction import redact

CONVERSATIONS, MESSAGES = "conversations", "messages"
CONVERSATION_COLUMNS = (
    *("conversation", "customer", "customer_name", "customer_email", "language", "status", "started_at"),
    *("last_message_at", "num_messages", "last_action", "agent", "tags", "sentiment", "sentiment_score", "rating"),
    *("rating_comment", "site"),
)
MESSAGE_COLUMNS = (
    *("conversation", "seq", "at", "author", "agent", "language", "text", "sentiment", "sentiment_probability"),
    *("sentiment_phrases", "corrected_sentiment", "action", "confidence", "sources", "understood_as", "model_version"),
    *("origin", "degraded", "rating", "rating_reason", "verdicts", "better_text"),
)
COLUMNS = {CONVERSATIONS: CONVERSATION_COLUMNS, MESSAGES: MESSAGE_COLUMNS}
_NUM_CONVERSATIONS = 200
_NUM_MESSAGES = 2000
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`conversations`: those that the inbox's view and filters leave, with no order of their own."""

    level: str
    conversations: ConversationQuerySet
    words: search.Words
    is_filtered: bool
    is_redacted: bool


def pieces(wanted: Wanted) -> Iterator[list[Row]]:
    """The rows, latest conversation first, a conversation's messages in order."""
    for read in _in_turn(wanted):
        if wanted.level == CONVERSATIONS:
            yield [_conversation_row(one, wanted.is_redacted) for one in read]
        else:
            yield from _message_pieces(read, wanted.is_redacted)


def _in_turn(wanted: Wanted) -> Iterator[list[Conversation]]:
    full = wanted.conversations.select_related("customer", "assignee").prefetch_related("tags")
    return _found(wanted, full) if wanted.words else _listed(full)


def _listed(full: ConversationQuerySet) -> Iterator[list[Conversation]]:
    ordered = full.filter(last_message_at__isnull=False).order_by("-last_message_at", "-pk")
    after: tuple[datetime | None, Any] | None = None
    while True:
        page = ordered if after is None else ordered.filter(last_message_at__lte=after[0]).filter(_beyond(*after))
        read = list(page[:_NUM_CONVERSATIONS])
        if not read:
            return
        yield read
        after = (read[-1].last_message_at, read[-1].pk)


def _beyond(at: datetime | None, pk: Any) -> Q:
    return Q(last_message_at__lt=at) | Q(last_message_at=at, pk__lt=pk)


def _found(wanted: Wanted, full: ConversationQuerySet) -> Iterator[list[Conversation]]:
    before: int | None = None
    while True:
        hits = search.find(
            wanted.conversations,
            wanted.words,
            is_filtered=wanted.is_filtered,
            before=before,
            num_wanted=_NUM_CONVERSATIONS,
        )
        if hits.hits:
            yield search.in_order(hits.hits, full)
        if hits.next_before is None:
            return
        before = hits.next_before


def _message_pieces(conversations: Sequence[Conversation], is_redacted: bool) -> Iterator[list[Row]]:
    """Conversations together as long as their messages fit into one piece; a very long one in several."""
    together: list[Conversation] = []
    num = 0
    for conversation in conversations:
        if together and num + conversation.last_seq > _NUM_MESSAGES:
            yield from _rows_of_messages(together, is_redacted)
            together, num = [], 0
        together.append(conversation)
        num += conversation.last_seq
    if together:
        yield from _rows_of_messages(together, is_redacted)


def _rows_of_messages(conversations: Sequence[Conversation], is_redacted: bool) -> Iterator[list[Row]]:
    last_seq = max(conversation.last_seq for conversation in conversations)
    for first in range(1, last_seq + 1, _NUM_MESSAGES):
        rows = Message.objects.filter(
            conversation__in=conversations, seq__gte=first, seq__lt=first + _NUM_MESSAGES
        ).with_reply()
        by_conversation: dict[Any, list[Message]] = defaultdict(list)
        for message in rows.order_by("conversation", "seq"):
            by_conversation[message.conversation_id].append(message)
        reviews = _reviews_of(message for found in by_conversation.values() for message in found)
        yield [
            _message_row(message, conversation, reviews, is_redacted)
            for conversation in conversations
            for message in by_conversation.get(conversation.pk, [])
        ]


def _reviews_of(messages: Iterable[Message]) -> dict[int, list[Review]]:
    """By the customer's message, whether it or its reply is exported."""
    turns = [turn for message in messages if (turn := _turn_of(message)) is not None]
    by_turn: dict[int, list[Review]] = defaultdict(list)
    for review in Review.objects.filter(message__in=turns).select_related("reviewer").order_by("reviewed_at"):
        by_turn[review.message_id].append(review)
    return by_turn


def _turn_of(message: Message) -> int | None:
    reply = _reply_of(message)
    return message.pk if message.author == Message.Author.CUSTOMER else reply.customer_message_id if reply else None


def _reply_of(message: Message) -> Reply | None:
    return getattr(message, "answered_reply", None) if message.author == Message.Author.BOT else None


def _conversation_row(one: Conversation, is_redacted: bool) -> Row:
    customer = one.customer
    return {
        "conversation": str(one.pk),
        "customer": str(customer.pk),
        "customer_name": "[name]" if is_redacted and customer.name else customer.name,
        "customer_email": "[e-mail]" if is_redacted and customer.email else customer.email,
        "language": one.language,
        "status": one.status,
        "started_at": one.created_at.isoformat(),
        "last_message_at": one.last_message_at.isoformat() if one.last_message_at else "",
        "num_messages": one.last_seq,
        "last_action": one.last_action,
        "agent": agent_display_name(one.assignee) if one.assignee else "",
        "tags": sorted(tag.name for tag in one.tags.all()),
        "sentiment": one.mood,
        "sentiment_score": one.mood_score,
        "rating": one.rating,
        "rating_comment": _told(one.rating_comment, one, is_redacted),
        "site": one.site_key,
    }


def _message_row(
    message: Message, conversation: Conversation, reviews: dict[int, list[Review]], is_redacted: bool
) -> Row:
    reply, said = _reply_of(message), reviews.get(_turn_of(message) or 0, [])
    counting = next((review for review in said if review.is_authoritative), said[-1] if said else None)
    is_customer = message.author == Message.Author.CUSTOMER
    text = _told(message.text or message.kind, conversation, is_redacted)
    return {
        "conversation": str(conversation.pk),
        "seq": message.seq,
        "at": message.created_at.isoformat(),
        "author": message.author,
        "agent": message.agent_name,
        "language": conversation.language,
        "text": text,
        "sentiment": message.sentiment,
        "sentiment_probability": message.sentiment_probability,
        "sentiment_phrases": _phrases_within(text, message),
        "corrected_sentiment": counting.corrected_sentiment if counting and is_customer else "",
        "action": reply.action if reply else "",
        "confidence": reply.confidence if reply else None,
        "sources": [source["id"] for source in reply.sources] if reply else [],
        "understood_as": _told(reply.standalone_question, conversation, is_redacted) if reply else "",
        "model_version": reply.model_version if reply else "",
        "origin": reply.origin if reply else "",
        "degraded": reply.degraded if reply else "",
        "rating": reply.rating if reply else "",
        "rating_reason": _told(reply.rating_reason, conversation, is_redacted) if reply else "",
        "verdicts": [f"{review.reviewer.get_username()}: {review.verdict}" for review in said] if reply else [],
        "better_text": _told(counting.better_text, conversation, is_redacted) if counting and reply else "",
    }


def _phrases_within(told: str, message: Message) -> list[str]:
    """A phrase out of which redaction took something is left out whole: alone it may not be recognised as a name."""
    phrases = [message.text[start:end] for start, end in message.sentiment_phrases or []]
    return [phrase for phrase in phrases if phrase in told]


def _told(text: str, conversation: Conversation, is_redacted: bool) -> str:
    name = conversation.customer.name
    return redact(text, [name, *name.split()]) if is_redacted and text else text
