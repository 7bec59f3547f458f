"""What agents do with a conversation: take over, write, hand back, assign, close, snooze.

Each function owns its transaction and checks under the lock who has the conversation, so two agents never answer at
once: the second gets a `TakenByOtherError` that names the first. Every act can be undone until an agent goes on.
"""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP, Conversation, Message, Reply, agent_display_name
from chatbot.conversations.services import MessageRefusedError, cancel_unfinished_replies, promise_reply
from chatbot.conversations.writes import lock_conversation, publish_state_on_commit, save_message


class TakenByOtherError(Exception):
    """Somebody else answers this customer. `agent_name`: who."""

    def __init__(self, agent: User) -> None:
        self.agent_name = agent_display_name(agent)
        super().__init__(self.agent_name)


class NotAnAgentError(ValueError):
    """A conversation can only be given to an active agent or admin."""


class NothingToUndoError(Exception):
    """The last act was somebody else's, or an agent has written or acted since."""


_UNDOABLE_TIMES = ("closed_at", "waiting_since", "snoozed_until")
_UNDOABLE = ("status", "handled_by", "assignee_id", "needs_human", *_UNDOABLE_TIMES)


@transaction.atomic
def take_over(*, conversation: Conversation, agent: User, is_forced: bool = False) -> None:
    """The agent answers from now on: the bot's running answer is cancelled and the customer is told.

    Safe to repeat. Raises TakenByOtherError when another agent has taken over, unless `is_forced`.
    """
    locked = _locked_for(conversation, agent, is_forced=is_forced)
    if locked.handled_by == Conversation.Handler.AGENT and locked.assignee_id == agent.pk:
        return
    cancel_unfinished_replies(locked.pk, reason="taken_over")
    _act(
        locked,
        agent,
        Message.Kind.TAKEN_OVER,
        handled_by=Conversation.Handler.AGENT,
        assignee=agent,
        status=Conversation.Status.OPEN,
        closed_at=None,
        snoozed_until=None,
    )


@transaction.atomic
def hand_back(*, conversation: Conversation, agent: User) -> None:
    """The bot answers from now on, with everything that was said in its memory. Nothing happens if it does already.

    A message of the customer that nobody has answered gets its reply from the bot.
    """
    locked = _locked_for(conversation, agent)
    if locked.handled_by == Conversation.Handler.BOT:
        return
    _act(
        locked,
        agent,
        Message.Kind.HANDED_BACK,
        handled_by=Conversation.Handler.BOT,
        needs_human=False,
        waiting_since=None,
    )
    _promise_reply_to_last(locked)


def _promise_reply_to_last(conversation: Conversation) -> None:
    last = conversation.messages.exclude(author=Message.Author.SYSTEM).order_by("-seq").first()
    if last is not None and last.author == Message.Author.CUSTOMER and last.text:
        promise_reply(last)


@transaction.atomic
def send_agent_message(
    *, conversation: Conversation, agent: User, text: str, client_id: str = "", is_forced: bool = False
) -> Message:
    """Saves what the agent writes to the customer, once per `client_id`; writing takes over.

    Raises MessageRefusedError (`empty`, `too_long`) or TakenByOtherError.
    """
    text = text.strip()
    if not text:
        raise MessageRefusedError("empty")
    if len(text) > settings.MESSAGE_MAX_CHARS:
        raise MessageRefusedError("too_long")
    earlier = Message.objects.filter(conversation=conversation, client_id=client_id).first() if client_id else None
    if earlier:
        return earlier
    take_over(conversation=conversation, agent=agent, is_forced=is_forced)
    message = save_message(conversation.pk, Message.Author.AGENT, text, client_id=client_id, agent=agent)
    _change(conversation, needs_human=False, waiting_since=None, agent_seen_seq=message.seq)
    return message


@transaction.atomic
def assign(*, conversation: Conversation, assignee: User | None) -> None:
    """Puts the conversation on somebody's list, or on nobody's. Who answers the customer doesn't change.

    Raises NotAnAgentError. One that is taken over changes hands: the new assignee answers, and without one the bot.
    """
    if assignee is not None and not agents().filter(pk=assignee.pk).exists():
        raise NotAnAgentError
    locked = lock_conversation(conversation.pk)
    if assignee is None and locked.handled_by == Conversation.Handler.AGENT:
        _change(locked, assignee=None, handled_by=Conversation.Handler.BOT)
        save_message(locked.pk, Message.Author.SYSTEM, "", kind=Message.Kind.HANDED_BACK)
        _promise_reply_to_last(locked)
    elif locked.assignee_id != (assignee.pk if assignee else None):
        _change(locked, assignee=assignee)


@transaction.atomic
def assign_round_robin(*, conversation: Conversation, among: list[User] | None = None) -> User | None:
    """Gives it to the agent with the fewest open conversations; None when there is no agent."""
    candidates = agents().filter(pk__in=[user.pk for user in among]) if among is not None else agents()
    is_open = Q(conversations__status=Conversation.Status.OPEN)
    chosen = candidates.annotate(num_open=Count("conversations", filter=is_open)).order_by("num_open", "pk").first()
    if chosen is not None:
        assign(conversation=conversation, assignee=chosen)
    return chosen


@transaction.atomic
def close(*, conversation: Conversation, agent: User) -> None:
    """Nothing is left to do. The customer may rate it; another message opens it again, with the bot."""
    _close(_locked_for(conversation, agent), cancel_reason="taken_over", agent=agent)


@transaction.atomic
def close_for_customer(*, conversation: Conversation) -> None:
    """The customer is done. Safe to repeat; another message opens it again, with the bot."""
    _close(lock_conversation(conversation.pk), cancel_reason=Reply.STOPPED, agent=None)


def _close(locked: Conversation, *, cancel_reason: str, agent: User | None) -> None:
    if locked.status == Conversation.Status.CLOSED:
        return
    cancel_unfinished_replies(locked.pk, reason=cancel_reason)
    _act(
        locked,
        agent,
        Message.Kind.CLOSED,
        status=Conversation.Status.CLOSED,
        closed_at=timezone.now(),
        handled_by=Conversation.Handler.BOT,
        needs_human=False,
        waiting_since=None,
        snoozed_until=None,
    )


@transaction.atomic
def reopen(*, conversation: Conversation, agent: User) -> None:
    locked = lock_conversation(conversation.pk)
    if locked.status == Conversation.Status.OPEN:
        return
    _act(locked, agent, Message.Kind.REOPENED, status=Conversation.Status.OPEN, closed_at=None)


@transaction.atomic
def undo(*, conversation: Conversation, agent: User) -> None:
    """Takes the agent's latest act back: who had it, whether the customer waits for a person and since when.

    What a customer wrote since then stays, and keeps the conversation open. Raises NothingToUndoError.
    """
    locked = lock_conversation(conversation.pk)
    act = locked.undo
    since = locked.messages.filter(seq__gt=act["seq"]) if act else locked.messages.none()
    if not act or act["agent"] != agent.pk or since.exclude(author=Message.Author.CUSTOMER).exists():
        raise NothingToUndoError
    before = act["before"] | {name: parse_datetime(act["before"][name] or "") for name in _UNDOABLE_TIMES}
    if since.exists():
        before |= {"status": Conversation.Status.OPEN, "closed_at": None}
    _restore(locked, before, agent)


def _restore(locked: Conversation, before: dict[str, Any], agent: User) -> None:
    is_bots = before["handled_by"] == Conversation.Handler.BOT
    kind, named = (Message.Kind.HANDED_BACK, agent) if is_bots else (Message.Kind.TAKEN_OVER, None)
    if before["status"] != locked.status:
        is_open = before["status"] == Conversation.Status.OPEN
        kind, named = (Message.Kind.REOPENED if is_open else Message.Kind.CLOSED), agent
    if not is_bots:
        cancel_unfinished_replies(locked.pk, reason="taken_over")
    _change(locked, **before, undo=None)
    answering = User.objects.filter(pk=before["assignee_id"]).first()
    save_message(locked.pk, Message.Author.SYSTEM, "", kind=kind, agent=named or answering)
    if is_bots and before["status"] == Conversation.Status.OPEN:
        _promise_reply_to_last(locked)


@transaction.atomic
def snooze(*, conversation: Conversation, until: datetime | None) -> None:
    """Out of the agents' way until then, or until the customer writes. None wakes it."""
    locked = lock_conversation(conversation.pk)
    _change(locked, snoozed_until=until)


@transaction.atomic
def mark_seen_by_agent(*, conversation: Conversation, seq: int) -> None:
    """An agent has had everything up to `seq` in view. Never goes back."""
    newer = Conversation.objects.filter(pk=conversation.pk, last_seq__gte=seq, agent_seen_seq__lt=seq)
    if newer.update(agent_seen_seq=seq):
        publish_state_on_commit(conversation.pk)


def agents() -> QuerySet[User]:
    """Everybody who may answer customers."""
    groups = Group.objects.filter(name__in=[AGENTS_GROUP, ADMINS_GROUP])
    return User.objects.filter(Q(groups__in=groups) | Q(is_superuser=True), is_active=True).distinct()


def _locked_for(conversation: Conversation, agent: User, *, is_forced: bool = False) -> Conversation:
    locked = lock_conversation(conversation.pk)
    is_taken = locked.handled_by == Conversation.Handler.AGENT and locked.assignee_id != agent.pk
    if is_taken and not is_forced and locked.assignee is not None:
        raise TakenByOtherError(locked.assignee)
    return locked


def _act(locked: Conversation, agent: User | None, kind: str, **fields: object) -> None:
    """Changes the fields, says so to everybody with a message of this kind, and keeps what `undo` needs."""
    fields_before = {name: getattr(locked, name) for name in _UNDOABLE}
    before = {n: value.isoformat() if isinstance(value, datetime) else value for n, value in fields_before.items()}
    message = save_message(locked.pk, Message.Author.SYSTEM, "", kind=kind, agent=agent)
    _change(locked, **fields, undo={"seq": message.seq, "agent": agent.pk, "before": before} if agent else None)


def _change(conversation: Conversation, **fields: object) -> None:
    Conversation.objects.filter(pk=conversation.pk).update(**fields)
    publish_state_on_commit(conversation.pk)
