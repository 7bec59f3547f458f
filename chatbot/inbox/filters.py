"""What a list can be narrowed to. Values come from an address: what makes no sense is left out, never an error."""

from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta

from django.db.models import Exists, Model, OuterRef, Q
from django.utils import timezone

from chatbot.conversations.models import Conversation, ConversationQuerySet, Reply
from chatbot.inbox.models import AnswerUse

_FEW_REPLIES = 1000  # so few that their conversations are listed rather than each conversation's replies asked


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Empty strings don't narrow.

    `since`, `until`: days of the last message, both included. `rating`: "1" to "5", "low" (1 or 2), "up" or "down" (a
    thumb on a reply).
    """

    since: str = ""
    until: str = ""
    mood: str = ""
    rating: str = ""
    action: str = ""
    answer: str = ""
    model: str = ""
    tag: str = ""
    agent: str = ""
    language: str = ""
    status: str = ""

    def __bool__(self) -> bool:
        return any(getattr(self, field.name) for field in fields(self))

    def apply(self, conversations: ConversationQuerySet) -> ConversationQuerySet:
        return _by_reply(self, _by_columns(self, conversations))


def parse_filters(values: dict[str, str]) -> Filters:
    """The filters among `values`; those that can't be meant are dropped."""
    asked = {field.name: values.get(field.name, "").strip()[:200] for field in fields(Filters)}
    allowed = {
        "mood": Conversation.Mood.values,
        "rating": ["1", "2", "3", "4", "5", "low", "up", "down"],
        "action": Reply.Action.values,
        "status": Conversation.Status.values,
        "language": ["en", "zh"],
    }
    for name, known in allowed.items():
        if asked[name] not in known:
            asked[name] = ""
    for name in ("since", "until"):
        asked[name] = asked[name] if day_of(asked[name]) else ""
    asked["agent"] = asked["agent"] if asked["agent"].isdecimal() and len(asked["agent"]) < 10 else ""
    return Filters(**asked)


def _by_columns(wanted: Filters, conversations: ConversationQuerySet) -> ConversationQuerySet:
    since, until = day_of(wanted.since), day_of(wanted.until)
    conditions = [
        Q(last_message_at__gte=midnight(since)) if since else None,
        Q(last_message_at__lt=midnight(until + timedelta(days=1))) if until else None,
        Q(mood=wanted.mood) if wanted.mood else None,
        Q(status=wanted.status) if wanted.status else None,
        Q(language__startswith=wanted.language) if wanted.language else None,
        Q(assignee=int(wanted.agent)) if wanted.agent else None,
        Q(tags__name=wanted.tag) if wanted.tag else None,
        Q(rating=int(wanted.rating)) if wanted.rating.isdecimal() else None,
        Q(rating__lte=2) if wanted.rating == "low" else None,
    ]
    for condition in conditions:
        if condition is not None:
            conversations = conversations.filter(condition)
    return conversations


def _by_reply(wanted: Filters, conversations: ConversationQuerySet) -> ConversationQuerySet:
    asked: list[tuple[type[Model], dict[str, str]]] = [
        (Reply, {"action": wanted.action}),
        (Reply, {"model_version": wanted.model}),
        (AnswerUse, {"answer_id": wanted.answer}),
        (Reply, {"rating": wanted.rating if wanted.rating in Reply.Rating.values else ""}),
    ]
    for model, condition in asked:
        if all(condition.values()):
            conversations = _having(conversations, model, condition)
    return conversations


def _having(conversations: ConversationQuerySet, model: type[Model], condition: dict[str, str]) -> ConversationQuerySet:
    """Rare values give a short list of conversations; common ones are soon met by asking each."""
    rows = model._default_manager.filter(**condition)
    few = list(rows.order_by().values_list("conversation_id", flat=True)[: _FEW_REPLIES + 1])
    if len(few) <= _FEW_REPLIES:
        return conversations.filter(pk__in=set(few))
    return conversations.filter(Exists(rows.filter(conversation_id=OuterRef("pk"))))


_FIRST_DAY, _LAST_DAY = date(1970, 1, 1), date(9998, 12, 31)  # the day after it has a midnight in every time zone


def day_of(text: str) -> date | None:
    """None for what isn't one in ISO 8601, and for one that no conversation can be of."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if _FIRST_DAY <= day <= _LAST_DAY else None


def midnight(day: date) -> datetime:
    """When the day begins in the site's time zone."""
    return timezone.make_aware(datetime.combine(day, time.min))
