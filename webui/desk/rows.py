"""The rows of the desk's list: one `Row` per conversation, with all that it shows. A fixed number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from chatbot.conversations.models import Conversation, ConversationQuerySet, Message, Tag, agent_display_name
from chatbot.inbox import presence
from chatbot.inbox.search import Piece
from webui.desk.moods import TrendLine, trend_line

_NUM_TREND_POINTS = 8
_NUM_TAGS_SHOWN = 2
CALM, DUE, OVERDUE = "calm", "due", "overdue"


@dataclass(frozen=True)
class Row:
    """One conversation as the list shows it. `order`: rows go up from the smallest."""

    conversation: Conversation
    trend: TrendLine | None
    order: float
    people: Sequence[presence.Person] = ()
    snippet: Sequence[Piece] = ()
    hit_seq: int | None = None
    tags: Sequence[Tag] = field(default_factory=list)

    @property
    def name(self) -> str:
        return customer_name(self.conversation)

    @property
    def tags_shown(self) -> Sequence[Tag]:
        return self.tags[:_NUM_TAGS_SHOWN]

    @property
    def num_more_tags(self) -> int:
        return max(len(self.tags) - _NUM_TAGS_SHOWN, 0)

    @property
    def assignee_name(self) -> str:
        return agent_display_name(self.conversation.assignee) if self.conversation.assignee else ""

    @property
    def assignee_initials(self) -> str:
        assignee = self.conversation.assignee
        return presence.Person(id=assignee.pk, name=agent_display_name(assignee)).initials if assignee else ""

    @property
    def wait_level(self) -> str:
        """calm, due or overdue; "" when nobody waits for a person."""
        since = self.conversation.waiting_since
        if since is None or self.conversation.status == Conversation.Status.CLOSED:
            return ""
        waited_s = (timezone.now() - since).total_seconds()
        return OVERDUE if waited_s >= settings.SLA_OVERDUE_S else DUE if waited_s >= settings.SLA_DUE_S else CALM

    @property
    def is_snoozed(self) -> bool:
        until = self.conversation.snoozed_until
        return until is not None and until > timezone.now()

    @property
    def is_unread(self) -> bool:
        conversation = self.conversation
        return conversation.last_author == "customer" and conversation.agent_seen_seq < conversation.last_seq


def short_name(conversation: Conversation) -> str:
    """How agents tell anonymous customers apart: six letters of the customer's id."""
    return conversation.customer_id.hex[:6].upper()


def customer_name(conversation: Conversation) -> str:
    """The name that the customer gave, else the six letters. The customer must be fetched with the conversation."""
    return conversation.customer.name or short_name(conversation)


def with_what_rows_show(conversations: ConversationQuerySet) -> ConversationQuerySet:
    """Fetches with the conversations what a `Row` reads, so that no row asks again."""
    return conversations.select_related("customer", "assignee").prefetch_related("tags")


def rows_of(
    conversations: Sequence[Conversation],
    *,
    viewer: User,
    is_by_waiting: bool = False,
    hits: dict[UUID, tuple[Message, list[Piece]]] | None = None,
) -> list[Row]:
    """The rows, with who else looks at each. `hits`: the message that a search found, and its snippet."""
    scores = _last_scores([conversation.pk for conversation in conversations])
    people = presence.people_at(str(conversation.pk) for conversation in conversations)
    hits = hits or {}
    rows = []
    for conversation in conversations:
        message, snippet = hits.get(conversation.pk, (None, []))
        rows.append(
            Row(
                conversation,
                trend_line(scores.get(conversation.pk, [])),
                order=-message.pk if message else order_of(conversation, is_by_waiting=is_by_waiting),
                people=[person for person in people.get(str(conversation.pk), []) if person.id != viewer.pk],
                snippet=snippet,
                hit_seq=message.seq if message else None,
                tags=sorted(conversation.tags.all(), key=lambda tag: tag.name),
            )
        )
    return rows


def order_of(conversation: Conversation, *, is_by_waiting: bool) -> float:
    at = conversation.waiting_since if is_by_waiting else conversation.last_message_at
    return _seconds(at) if is_by_waiting else -_seconds(at)


def _seconds(at: datetime | None) -> float:
    return at.timestamp() if at else 0.0


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
