"""The desk's list: filters, pages and one `Row` per conversation. The number of queries doesn't grow with rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Conversation, Message
from webui.desk.moods import TrendLine, trend_line

PAGE_SIZE = 40
_NUM_TREND_POINTS = 8
_CURSOR_TIME = "%Y%m%dT%H%M%S.%f"  # exact: a float of the timestamp would skip or repeat a row

ALL, UNHAPPY, NEEDS_PERSON = "all", "unhappy", "needs-person"
FILTERS = {ALL: _("All"), UNHAPPY: _("Unhappy"), NEEDS_PERSON: _("Needs a person")}


@dataclass(frozen=True)
class Row:
    """One conversation as the list shows it."""

    conversation: Conversation
    trend: TrendLine | None

    @property
    def name(self) -> str:
        return short_name(self.conversation)


@dataclass(frozen=True)
class Tab:
    key: str
    label: str
    num_conversations: int
    is_current: bool

    @property
    def query(self) -> str:
        return "" if self.key == ALL else f"?filter={self.key}"


@dataclass(frozen=True)
class Page:
    rows: list[Row] = field(default_factory=list)
    next_cursor: str = ""


class BadCursorError(ValueError):
    """The `before` of an address that wasn't made here."""


def short_name(conversation: Conversation) -> str:
    """How agents tell anonymous customers apart: six letters of the customer's id."""
    return conversation.customer_id.hex[:6].upper()


def known_filter(value: str | None) -> str:
    return value if value in FILTERS else ALL


def conversations_for(user: User | AnonymousUser, filter_key: str) -> QuerySet[Conversation]:
    """What the list may show: nobody needs a conversation in which nothing was said."""
    started = Conversation.objects.visible_to(user).filter(last_seq__gt=0)
    if filter_key == UNHAPPY:
        return started.unhappy()
    if filter_key == NEEDS_PERSON:
        return started.filter(needs_human=True)
    return started


def tabs_for(user: User | AnonymousUser, current: str) -> list[Tab]:
    nums = conversations_for(user, ALL).aggregate(
        **{
            ALL: Count("pk"),
            UNHAPPY: Count("pk", filter=Q(mood=Conversation.Mood.NEGATIVE)),
            NEEDS_PERSON: Count("pk", filter=Q(needs_human=True)),
        }
    )
    return [Tab(key, str(label), nums[key], key == current) for key, label in FILTERS.items()]


def page_of(conversations: QuerySet[Conversation], cursor: str = "") -> Page:
    """The newest PAGE_SIZE conversations, or those that follow the cursor. Raises BadCursorError."""
    if cursor:
        at, pk = _parse_cursor(cursor)
        conversations = conversations.filter(Q(last_message_at__lt=at) | Q(last_message_at=at, pk__lt=pk))
    found = list(conversations.order_by("-last_message_at", "-pk")[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return Page(rows_of(shown), _cursor_after(shown[-1]) if len(found) > PAGE_SIZE else "")


def row_of(conversations: QuerySet[Conversation], pk: UUID) -> Row | None:
    """One row again; None when the conversation doesn't match (any more)."""
    found = list(conversations.filter(pk=pk))
    return rows_of(found)[0] if found else None


def rows_of(conversations: Sequence[Conversation]) -> list[Row]:
    scores = _last_scores([conversation.pk for conversation in conversations])
    return [Row(conversation, trend_line(scores.get(conversation.pk, []))) for conversation in conversations]


def _last_scores(conversation_ids: Iterable[UUID]) -> dict[UUID, list[tuple[str, float]]]:
    """The last sentiments of each conversation's customer, oldest first."""
    newest = Window(RowNumber(), partition_by=[F("conversation_id")], order_by=[F("seq").desc()])
    scored = (
        Message.objects.filter(conversation__in=list(conversation_ids))
        .exclude(sentiment="")
        .annotate(age=newest)
        .filter(age__lte=_NUM_TREND_POINTS)
        .order_by("conversation_id", "seq")
    )
    scores: dict[UUID, list[tuple[str, float]]] = {}
    for pk, label, probability in scored.values_list("conversation_id", "sentiment", "sentiment_probability"):
        scores.setdefault(pk, []).append((label, probability or 0.0))
    return scores


def _cursor_after(conversation: Conversation) -> str:
    assert conversation.last_message_at is not None
    return f"{conversation.last_message_at.astimezone(UTC).strftime(_CURSOR_TIME)}~{conversation.pk.hex}"


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    at, _separator, pk = cursor.partition("~")
    try:
        return datetime.strptime(at, _CURSOR_TIME).replace(tzinfo=UTC), UUID(pk)
    except ValueError as error:
        raise BadCursorError(cursor) from error
