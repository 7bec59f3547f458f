"""One conversation opened at the desk: its messages with reviews, and the facts of the context pane."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, Prefetch
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chatbot.assist.languages import guess_language
from chatbot.assist.models import ConversationSummary, CustomerFact, Translation
from chatbot.conversations.models import Conversation, Message, Reply
from chatbot.notes.models import Note
from webui.desk.conversation.why import Why, why_of
from webui.desk.moods import TrendLine, trend_line
from webui.desk.review.marking import Marking, markings_of

PAGE_SIZE = 100
_MAX_FACTS, _MAX_PAST = 12, 8
_FALLING, _RISING = -0.2, 0.2


@dataclass(frozen=True)
class Span:
    """One stage of a reply: where its bar begins and how wide it is (percent of the whole), and how long it took."""

    label: str
    kind: str
    start: float
    width: float
    duration_s: float


@dataclass(frozen=True)
class TranscriptMessage:
    message: Message
    reply: Reply | None = None
    marking: Marking | None = None
    notes: Sequence[Note] = ()
    translation: Translation | None = None
    is_translatable: bool = False
    why: Why | None = None
    spans: Sequence[Span] = ()
    timings: Sequence[tuple[str, float]] = ()

    @property
    def total_s(self) -> float | None:
        return self.spans[-1].duration_s if self.spans else None


def messages_after(conversation: Conversation, user: User | AnonymousUser, seq: int) -> list[TranscriptMessage]:
    return _transcript(conversation, user, seq__gt=seq)


def message_at(conversation: Conversation, user: User | AnonymousUser, seq: int) -> list[TranscriptMessage]:
    return _transcript(conversation, user, seq=seq)


def messages_before(conversation: Conversation, user: User | AnonymousUser, seq: int) -> list[TranscriptMessage]:
    """The PAGE_SIZE messages that come before a seq."""
    return _transcript(conversation, user, seq__lt=seq, seq__gte=seq - PAGE_SIZE)


def _transcript(conversation: Conversation, user: User | AnonymousUser, **window: int) -> list[TranscriptMessage]:
    translations = Prefetch("translations", Translation.objects.filter(target=reader_language()))
    found = conversation.messages.filter(**window).with_reply().select_related("answered_reply__customer_message")
    messages = list(found.prefetch_related(translations).order_by("seq"))
    replies = [reply for message in messages if (reply := getattr(message, "answered_reply", None))]
    for reply in replies:
        reply.customer_message.conversation = conversation  # the same one: no query for each
    markings = markings_of([reply.customer_message for reply in replies], user)
    notes = _notes_below(conversation, user, [message.seq for message in messages])
    return [_entry(message, markings, notes.get(message.seq, [])) for message in messages]


def _notes_below(conversation: Conversation, user: User | AnonymousUser, seqs: Sequence[int]) -> dict[int, list[Note]]:
    """The notes by the message that they stand below; one from before the first message stands below that."""
    below: dict[int, list[Note]] = {}
    if not seqs:
        return below
    first = 0 if seqs[0] == 1 else seqs[0]
    notes = Note.objects.visible_to(user).filter(conversation=conversation, after_seq__range=(first, seqs[-1]))
    for note in notes.shown():
        below.setdefault(max(note.after_seq, 1), []).append(note)
    return below


def reader_language() -> str:
    """The language of the agent's pages: en or zh."""
    return "zh" if (get_language() or "en").startswith("zh") else "en"


def _entry(message: Message, markings: dict[int, Marking], notes: Sequence[Note]) -> TranscriptMessage:
    reply: Reply | None = getattr(message, "answered_reply", None)
    common: dict[str, Any] = {
        "notes": notes,
        "translation": next(iter(message.translations.all()), None),
        "is_translatable": guess_language(message.text) not in ("", reader_language()),
    }
    if reply is None:
        return TranscriptMessage(message, **common)
    timings = [(str(name), float(ms)) for name, ms in reply.timings_ms.items() if isinstance(ms, int | float)]
    marking = markings[reply.customer_message_id]
    return TranscriptMessage(
        message, reply, marking, spans=spans_of(reply), timings=timings, why=why_of(reply), **common
    )


def spans_of(reply: Reply) -> list[Span]:
    """Waiting, thinking, writing, and last the whole. A reply without deltas was thought up in one piece."""
    queued, started, finished = reply.queued_at, reply.started_at, reply.finished_at
    if started is None or finished is None:
        return []
    first = reply.first_delta_at or finished
    total = max((finished - queued).total_seconds(), 0.001)
    stages = [(_("waited"), "wait", queued, started), (_("first word"), "think", started, first)]
    stages += [(_("writing"), "write", first, finished)] if reply.first_delta_at else []
    stages += [(_("in all"), "total", queued, finished)]
    return [_span(label, kind, queued, begin, end, total) for label, kind, begin, end in stages]


def _span(label: str, kind: str, queued: datetime, begin: datetime, end: datetime, total: float) -> Span:
    start = 100 * max((begin - queued).total_seconds(), 0) / total
    width = 100 * max((end - begin).total_seconds(), 0) / total
    return Span(label, kind, round(start, 2), round(width, 2), max((end - begin).total_seconds(), 0))


@dataclass(frozen=True)
class Context:
    """What the right pane says of a conversation."""

    num_by_author: dict[str, int]
    finding: str
    chart: TrendLine | None
    moods: list[dict[str, Any]]
    model_versions: list[str]
    summary: ConversationSummary | None
    facts: list[CustomerFact]
    past: list[Conversation]
    num_replies: int
    first_word_s: float | None
    complete_s: float | None

    @property
    def num_messages(self) -> int:
        return sum(self.num_by_author.values())


def context_of(conversation: Conversation) -> Context:
    nums = conversation.messages.values("author").order_by("author").annotate(num=Count("pk"))
    scored = conversation.messages.exclude(sentiment="").order_by("seq")
    moods = list(scored.values("seq", "created_at", "sentiment", "sentiment_probability"))
    replies = list(
        conversation.replies.filter(status=Reply.Status.DONE)
        .order_by("pk")
        .values_list("model_version", "queued_at", "first_delta_at", "finished_at")
    )
    past = Conversation.objects.filter(customer=conversation.customer_id, last_seq__gt=0).exclude(pk=conversation.pk)
    scores = [(mood["sentiment"], mood["sentiment_probability"] or 0.0) for mood in moods]
    return Context(
        num_by_author={row["author"]: row["num"] for row in nums},
        finding=_finding(conversation, len(moods)),
        chart=trend_line(scores, width=240, height=72, margin=8),
        moods=moods,
        summary=ConversationSummary.objects.filter(conversation=conversation).first(),
        facts=list(CustomerFact.objects.filter(customer=conversation.customer_id).latest_first()[:_MAX_FACTS]),
        past=list(past.order_by("-created_at", "-pk")[:_MAX_PAST]),
        model_versions=list(dict.fromkeys(version for version, *_times in replies if version)),
        num_replies=len(replies),
        first_word_s=_median_s((first or end) - queued for _version, queued, first, end in replies if end),
        complete_s=_median_s(end - queued for _version, queued, _first, end in replies if end),
    )


def _median_s(durations: Iterable[timedelta]) -> float | None:
    seconds = [duration.total_seconds() for duration in durations]
    return median(seconds) if seconds else None


def _finding(conversation: Conversation, num_scored: int) -> str:
    """The chart's title says what the chart shows."""
    if num_scored == 0:
        return _("No customer message scored yet")
    if num_scored > 1 and conversation.mood_trend <= _FALLING:
        return _("The mood is falling")
    if num_scored > 1 and conversation.mood_trend >= _RISING:
        return _("The mood is rising")
    moods = Conversation.Mood
    return {
        moods.NEGATIVE.value: _("The customer is unhappy"),
        moods.POSITIVE.value: _("The customer is happy"),
        moods.NEUTRAL.value: _("The mood is neutral"),
    }[conversation.mood]
