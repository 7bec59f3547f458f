"""The views of the inbox: which conversations each shows, and in which order."""

from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q

from chatbot.conversations.models import Conversation, ConversationQuerySet
from chatbot.notes.models import Mention

WAITING, UNHAPPY, MINE, UNASSIGNED = "waiting", "unhappy", "mine", "unassigned"
MENTIONED = "mentioned"
OPEN, SNOOZED, CLOSED, ALL = "open", "snoozed", "closed", "all"
BOXES = (WAITING, UNHAPPY, MINE, UNASSIGNED, OPEN, MENTIONED, SNOOZED, CLOSED, ALL)
COUNTED = (WAITING, UNHAPPY, MINE, UNASSIGNED, MENTIONED, SNOOZED)  # where a number tells that there is something to do
MAX_COUNTED = 99


def conversations_in(
    box: str, conversations: ConversationQuerySet, *, agent: User, now: datetime
) -> ConversationQuerySet:
    """Those of `conversations` that the view shows. Snoozed ones come back by themselves when their time has come."""
    started = conversations.filter(last_seq__gt=0)
    if box == ALL:
        return started
    if box == MENTIONED:  # in a closed one, too
        return started.filter(pk__in=Mention.objects.unseen_by(agent).values("note__conversation"))
    if box == CLOSED:
        return started.filter(status=Conversation.Status.CLOSED)
    is_open = started.filter(status=Conversation.Status.OPEN)
    if box == SNOOZED:
        return is_open.filter(snoozed_until__gt=now)
    awake = _awake(is_open, now)
    match box:
        case "waiting":
            return awake.filter(needs_human=True, waiting_since__isnull=False)
        case "unhappy":
            return awake.filter(mood=Conversation.Mood.NEGATIVE)
        case "mine":
            return awake.filter(assignee=agent)
        case "unassigned":
            return awake.filter(assignee=None)
    return awake


def is_by_waiting(box: str) -> bool:
    """Who has waited longest comes first; every other view has the latest message first."""
    return box == WAITING


def counts(conversations: ConversationQuerySet, *, agent: User, now: datetime) -> dict[str, int]:
    """How many each counted view shows, up to MAX_COUNTED + 1: a larger number would help nobody and cost a scan."""
    return {
        box: conversations_in(box, conversations, agent=agent, now=now).order_by()[: MAX_COUNTED + 1].count()
        for box in COUNTED
    }


def awake_and_waiting(now: datetime) -> ConversationQuerySet:
    """Who waits for a person, whoever asks: for what runs without an agent."""
    return _awake(Conversation.objects.filter(status=Conversation.Status.OPEN), now).filter(
        needs_human=True, waiting_since__isnull=False
    )


def _awake(conversations: ConversationQuerySet, now: datetime) -> ConversationQuerySet:
    return conversations.filter(Q(snoozed_until=None) | Q(snoozed_until__lte=now))
