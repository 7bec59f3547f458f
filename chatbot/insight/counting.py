"""Messages and replies of some days -> counts per day, language, model version and topic.

A *turn* is a customer's message and the bot's reply to it; it counts on the day of the message, under the version of
the model that replied. A *conversation* counts once, on the day of its first message, under the version of its first
reply, with what has become of it so far. A *reaction* is the sentiment of the customer's next message after a reply,
unless an agent wrote in between. A *topic* is a tag of an answer that a reply used; what has no reply has no topic.

Groups of counts (group -> key -> number):
    conversations   all
    outcomes        where conversations ended: answer, clarify, decline, handoff, taken_over, smalltalk, waiting
    stars           1 to 5
    first_bot, first_person   seconds until the first answer (`statistics.two_digits`) -> conversations
    messages        customer, bot, agent
    actions         of replies
    sentiments      of customers' messages
    hours           0 to 23, of customers' messages
    thumbs          up, down
    reactions, answers, topics, factors   "mood" or "what|mood" -> reactions to the reply
    answer_thumbs   "id|up"
    unanswered      "fingerprint|action" -> questions; `unanswered_sample`: fingerprint -> a message's id
"""

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from chatbot.conversations.models import Message, Reply
from chatbot.insight.days import Period
from chatbot.insight.statistics import two_digits
from chatbot.knowledge.models import Answer

Counts = dict[str, dict[str, int]]
SAMPLES = "unanswered_sample"
WAIT_LIMITS_S = {"under_5s": 5.0, "under_15s": 15.0, "under_60s": 60.0}
_UNANSWERED = (Reply.Action.DECLINE, Reply.Action.CLARIFY)
_ENDS = (Reply.Action.ANSWER, Reply.Action.CLARIFY, Reply.Action.DECLINE)
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True)
class SliceKey:
    language: str
    model_version: str
    topic: str = ""


DayCounts = dict[SliceKey, Counts]


class _Tally:
    """Adds up under the whole and under each topic."""

    def __init__(self) -> None:
        self.days: dict[date, dict[SliceKey, dict[str, Counter[str]]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(Counter))
        )

    def slices(self, day: date, language: str, version: str, topics: Iterable[str]) -> list[dict[str, Counter[str]]]:
        of_day = self.days[day]
        return [of_day[SliceKey(language[:2], version, topic)] for topic in ("", *topics)]

    def plain(self) -> dict[date, DayCounts]:
        return {
            day: {key: {group: dict(counter) for group, counter in groups.items()} for key, groups in slices.items()}
            for day, slices in self.days.items()
        }


def count(period: Period) -> dict[date, DayCounts]:
    """The counts of every day of the period in which something happened. A fixed number of queries."""
    tally = _Tally()
    tags_of = {pk: sorted(set(tags)) for pk, tags in Answer.objects.values_list("pk", "tags")}
    _count_turns(tally, period, tags_of)
    _count_agent_messages(tally, period)
    _count_conversations(tally, period, tags_of)
    return tally.plain()


def _count_turns(tally: _Tally, period: Period, tags_of: Mapping[str, Sequence[str]]) -> None:
    next_word = Message.objects.filter(
        conversation=OuterRef("conversation"),
        seq__gt=OuterRef("reply__message__seq"),
        author__in=[Message.Author.CUSTOMER, Message.Author.AGENT],
    ).order_by("seq")
    turns = (
        _messages(period)
        .filter(author=Message.Author.CUSTOMER)
        .annotate(reaction=Subquery(next_word.values("sentiment")[:1]))
        .values_list(
            "pk", "text", "created_at", "sentiment", "conversation__language", "reaction",
            "reply__status", "reply__action", "reply__sources", "reply__model_version", "reply__degraded",
            "reply__rating", "reply__finished_at",
        )
    )  # fmt: skip
    for turn in turns.iterator(chunk_size=5000):
        _count_turn(tally, period, tags_of, *turn)


def _count_turn(
    tally: _Tally,
    period: Period,
    tags_of: Mapping[str, Sequence[str]],
    pk: int,
    text: str,
    at: datetime,
    sentiment: str,
    language: str,
    reaction: str | None,
    status: str | None,
    action: str | None,
    sources: list[dict[str, Any]] | None,
    version: str | None,
    degraded: str | None,
    rating: str | None,
    finished_at: datetime | None,
) -> None:
    local = at.astimezone(period.zone)
    is_done = status == Reply.Status.DONE
    answers = sorted({source["id"] for source in sources or []}) if is_done else []
    topics = sorted({tag for answer in answers for tag in tags_of.get(answer, ())})
    for groups in tally.slices(local.date(), language, (version or "") if is_done else "", topics):
        groups["messages"]["customer"] += 1
        groups["hours"][str(local.hour)] += 1
        if sentiment:
            groups["sentiments"][sentiment] += 1
        if not is_done or action is None:
            continue
        groups["messages"]["bot"] += 1
        groups["actions"][action] += 1
        if rating:
            groups["thumbs"][rating] += 1
            groups["answer_thumbs"].update(f"{answer}|{rating}" for answer in answers)
        if reaction:
            groups["reactions"][reaction] += 1
            groups["answers"].update(f"{answer}|{reaction}" for answer in answers)
            groups["topics"].update(f"{topic}|{reaction}" for topic in topics)
            factors = _factors(action, degraded, (finished_at - at).total_seconds() if finished_at else None)
            groups["factors"].update(f"{factor}|{reaction}" for factor in factors)
        if action in _UNANSWERED and (mark := fingerprint(text)):
            groups["unanswered"][f"{mark}|{action}"] += 1
            groups[SAMPLES][mark] = pk


def _factors(action: str, degraded: str | None, wait_s: float | None) -> list[str]:
    factors = [f"action:{action}"]
    if degraded:
        factors.append(f"degraded:{degraded}")
    if wait_s is not None:
        wait = next((name for name, limit_s in WAIT_LIMITS_S.items() if wait_s < limit_s), "over_60s")
        factors.append(f"wait:{wait}")
    return factors


def fingerprint(text: str) -> str:
    """The same for texts that differ in case, width, spaces and punctuation only; "" when nothing else is there."""
    words = _NO_WORD.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()
    return hashlib.blake2b(words.encode(), digest_size=6).hexdigest() if words else ""


def _count_agent_messages(tally: _Tally, period: Period) -> None:
    written = _messages(period).filter(author=Message.Author.AGENT)
    for at, language in written.values_list("created_at", "conversation__language"):
        for groups in tally.slices(at.astimezone(period.zone).date(), language, "", ()):
            groups["messages"]["agent"] += 1


@dataclass
class _Conversation:
    """What has become of one so far."""

    at: datetime
    language: str
    rating: int | None
    version: str = ""
    last_end: str = ""
    is_replied: bool = False
    first_bot_s: float | None = None
    first_person_s: float | None = None
    wants_person_at: datetime | None = None
    last_customer_at: datetime | None = None
    is_taken_over: bool = False
    answers: frozenset[str] = frozenset()

    @property
    def outcome(self) -> str:
        if self.is_taken_over:
            return "taken_over"
        if self.wants_person_at is not None:
            return "handoff"
        return self.last_end or ("smalltalk" if self.is_replied else "waiting")


def _count_conversations(tally: _Tally, period: Period, tags_of: Mapping[str, Sequence[str]]) -> None:
    first = _messages(period).filter(seq=1)
    started = {
        pk: _Conversation(at, language, rating)
        for pk, at, language, rating in first.values_list(
            "conversation_id", "created_at", "conversation__language", "conversation__rating"
        )
    }
    _add_replies(started, period)
    _add_people(started, period)
    for conversation in started.values():
        topics = sorted({tag for answer in conversation.answers for tag in tags_of.get(answer, ())})
        day = conversation.at.astimezone(period.zone).date()
        for groups in tally.slices(day, conversation.language, conversation.version, topics):
            groups["conversations"]["all"] += 1
            groups["outcomes"][conversation.outcome] += 1
            if conversation.rating is not None:
                groups["stars"][str(conversation.rating)] += 1
            if conversation.first_bot_s is not None:
                groups["first_bot"][two_digits(conversation.first_bot_s)] += 1
            if conversation.first_person_s is not None:
                groups["first_person"][two_digits(conversation.first_person_s)] += 1


def _add_replies(started: Mapping[UUID, _Conversation], period: Period) -> None:
    replies = Reply.objects.filter(
        conversation__in=_messages(period).filter(seq=1).values("conversation"), status=Reply.Status.DONE
    )
    rows = replies.order_by("conversation", "customer_message__seq").values_list(
        "conversation_id", "action", "model_version", "sources", "first_delta_at", "finished_at",
        "customer_message__created_at",
    )  # fmt: skip
    for pk, action, version, sources, first_delta_at, finished_at, asked_at in rows.iterator(chunk_size=5000):
        conversation = started.get(pk)
        if conversation is None:
            continue  # it began between the two queries
        if not conversation.is_replied:
            conversation.is_replied, conversation.version = True, version
            shown_at = first_delta_at or finished_at
            conversation.first_bot_s = (shown_at - asked_at).total_seconds() if shown_at else None
        conversation.answers |= {source["id"] for source in sources}
        if action in _ENDS:
            conversation.last_end = action
        if action == Reply.Action.HANDOFF and conversation.wants_person_at is None:
            conversation.wants_person_at = finished_at or asked_at


def _add_people(started: Mapping[UUID, _Conversation], period: Period) -> None:
    """Who asked for a person and how long they waited: since they asked, else since their last word."""
    rows = (
        Message.objects.filter(conversation__in=_messages(period).filter(seq=1).values("conversation"))
        .exclude(author=Message.Author.BOT)
        .order_by("conversation", "seq")
        .values_list("conversation_id", "author", "kind", "created_at")
    )
    for pk, author, kind, at in rows.iterator(chunk_size=5000):
        conversation = started.get(pk)
        if conversation is None:
            continue
        if author == Message.Author.CUSTOMER:
            if not conversation.is_taken_over:
                conversation.last_customer_at = at
        elif kind == Message.Kind.HANDOFF_REQUESTED:
            asked = conversation.wants_person_at
            conversation.wants_person_at = min(asked, at) if asked else at
        elif author == Message.Author.AGENT and conversation.first_person_s is None:
            conversation.is_taken_over = True
            since = _waits_since(conversation, at)
            conversation.first_person_s = (at - since).total_seconds() if since else None
        elif kind == Message.Kind.TAKEN_OVER:
            conversation.is_taken_over = True


def _waits_since(conversation: _Conversation, until: datetime) -> datetime | None:
    asked = conversation.wants_person_at
    return asked if asked is not None and asked <= until else conversation.last_customer_at


def _messages(period: Period) -> Any:
    return Message.objects.filter(created_at__gte=period.start, created_at__lt=period.end)
