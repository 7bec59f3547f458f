"""What agents do from the inbox besides `conversations.handling`: tags, saved searches, giving out what waits.

Each function owns its transaction; the desk is told on its commit.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from chatbot import events
from chatbot.conversations import handling
from chatbot.conversations.models import Conversation, Tag
from chatbot.conversations.writes import publish_on_commit
from chatbot.inbox import boxes, presence
from chatbot.inbox.models import SavedSearch

TAG_MAX_CHARS = Tag._meta.get_field("name").max_length or 40
MAX_TAGS = 40
MAX_SAVED_SEARCHES = 50
_MAX_GIVEN_OUT = 50
_MORNING = 9
_MONDAY = 0


class TagRefusedError(ValueError):
    """A tag that can't be put on. `code`: `empty`, `too_long` or `too_many`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SavedSearchRefusedError(ValueError):
    """A search that can't be saved. `code`: `empty` or `too_many`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def add_tag(*, conversation: Conversation, name: str) -> Tag:
    """Puts a tag on, made on its first use; an existing one is found whatever its case. Raises TagRefusedError."""
    name = " ".join(name.split())
    if not name:
        raise TagRefusedError("empty")
    if len(name) > TAG_MAX_CHARS:
        raise TagRefusedError("too_long")
    tag = Tag.objects.filter(name__iexact=name).first() or Tag.objects.get_or_create(name=name)[0]
    if conversation.tags.exclude(pk=tag.pk).count() >= MAX_TAGS:
        raise TagRefusedError("too_many")
    conversation.tags.add(tag)
    _publish_changed(conversation)
    return tag


@transaction.atomic
def remove_tag(*, conversation: Conversation, name: str) -> None:
    """Takes a tag off. Nothing happens when it isn't on."""
    conversation.tags.remove(*Tag.objects.filter(name=name))
    _publish_changed(conversation)


def tags_like(start: str, *, num_tags: int = 20) -> list[str]:
    """Tags to choose from, the most used first."""
    tags = Tag.objects.filter(name__icontains=start) if start else Tag.objects.all()
    used = tags.annotate(num_used=Count("conversations")).order_by("-num_used", "name")
    return list(used.values_list("name", flat=True)[:num_tags])


@transaction.atomic
def save_search(*, agent: User, name: str, query: str) -> SavedSearch:
    """Keeps a list under a name; the same name again replaces it. Raises SavedSearchRefusedError."""
    name = " ".join(name.split())[:60]
    if not name or not query:
        raise SavedSearchRefusedError("empty")
    if SavedSearch.objects.filter(agent=agent).exclude(name=name).count() >= MAX_SAVED_SEARCHES:
        raise SavedSearchRefusedError("too_many")
    saved, _ = SavedSearch.objects.update_or_create(agent=agent, name=name, defaults={"query": query[:1000]})
    return saved


@transaction.atomic
def forget_search(*, agent: User, search_id: int) -> None:
    """Only the agent's own. Nothing happens when it is gone already."""
    SavedSearch.objects.filter(agent=agent, pk=search_id).delete()


def snooze_until(preset: str, *, now: datetime) -> datetime | None:
    """When a snooze ends, in the site's zone: `hour`, `tomorrow` (9:00) or `monday` (the next one, 9:00)."""
    local = timezone.localtime(now)
    morning = local.replace(hour=_MORNING, minute=0, second=0, microsecond=0)
    match preset:
        case "hour":
            return now + timedelta(hours=1)
        case "tomorrow":
            return morning + timedelta(days=1)
        case "monday":
            return morning + timedelta(days=(_MONDAY - local.weekday()) % 7 or 7)
    return None


def give_out_waiting() -> int:
    """Round robin: whoever waits for a person and is nobody's goes to the agent at the desk with the fewest.

    Only with ASSIGN_ON_HANDOFF, and only among agents who have the desk open. Returns how many were given out. Safe to
    call at any time: the row is locked and asked again before it is given.
    """
    if not settings.ASSIGN_ON_HANDOFF:
        return 0
    present = list(handling.agents().filter(pk__in=presence.agents_online()))
    if not present:
        return 0
    waiting = boxes.awake_and_waiting(timezone.now()).filter(assignee=None).order_by("waiting_since")
    return sum(_give_out(conversation, present) for conversation in waiting[:_MAX_GIVEN_OUT])


@transaction.atomic
def _give_out(conversation: Conversation, present: list[User]) -> bool:
    locked = Conversation.objects.select_for_update().get(pk=conversation.pk)
    if locked.assignee_id is not None or not locked.needs_human:
        return False
    return handling.assign_round_robin(conversation=locked, among=present) is not None


def _publish_changed(conversation: Conversation) -> None:
    publish_on_commit(events.ConversationChanged(conversation_id=str(conversation.pk)))
