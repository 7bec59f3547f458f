"""One reply from claim to saved message: the database's and the browsers' side of `pipeline.answer_turn`.

Runs in a Celery task thread; the model runs in the engine's own thread, which never sees the database or Redis.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import OperationalError, connections

from chatbot import events
from chatbot.conversations import services as conversations
from chatbot.conversations.models import Conversation, Message, Reply
from chatbot.conversations.services import FinishedReply
from chatbot.knowledge.current import current_index
from chatbot.language_model.backends import get_generator
from chatbot.language_model.prompt_format import Role, Turn
from chatbot.reply.pipeline import answer_turn
from chatbot.reply.texts import apology

log = logging.getLogger(__name__)

_MAX_RECALLED_MESSAGES = 120
_ROLES: dict[str, Role] = {
    Message.Author.CUSTOMER: "customer",
    Message.Author.BOT: "bot",
    Message.Author.AGENT: "agent",
}


class LeaseLostError(Exception):
    """The reply was given to another attempt while this one worked on it."""


def generate_reply(*, reply_id: int, attempt: int) -> None:
    """Answers one customer message. Safe to call twice, late or at once from several workers: one attempt wins."""
    reply = conversations.claim_reply(reply_id=reply_id, attempt=attempt)
    if reply is None:
        log.info("reply %s, attempt %s: not ours to answer", reply_id, attempt)
        return
    with _kept_lease(reply) as lease:
        try:
            finished = answer_turn(
                turns=_turns_up_to(reply.customer_message),
                knowledge=current_index(),
                generator=get_generator(),
                on_text=_DeltaSender(reply, lease).send,
                is_phrased=settings.PHRASES_ANSWERS,
            )
        except LeaseLostError:
            log.warning("reply %s, attempt %s: taken over by another worker", reply_id, attempt)
            return
    conversations.finish_reply(reply=reply, finished=finished)


def preview_reply(message: Message) -> FinishedReply:
    """What the bot would answer to this customer's message, from the approved texts; nothing of it is kept or shown.

    Raises EngineError when this process has no model.
    """
    return answer_turn(
        turns=_turns_up_to(message),
        knowledge=current_index(),
        generator=get_generator(),
        on_text=lambda _: None,
        is_phrased=False,
    )


def replay_replies(conversation: Conversation, *, max_turns: int) -> Iterator[tuple[int, FinishedReply]]:
    """What the bot would answer today: (seq of the customer's turn, reply), for the latest `max_turns`, oldest first.

    Each turn is answered after what was said before it, the new replies in place of the old ones; agents' messages
    stay. Only turns that the bot had to answer then are answered now. Nothing of it is kept. Raises EngineError.
    """
    messages = list(Message.objects.filter(conversation=conversation, author__in=_ROLES).with_reply().order_by("seq"))
    asked = [message.pk for message in messages if getattr(message, "reply", None)][-max_turns:]
    first_seq = next((message.seq for message in messages if message.pk in asked), 0)
    turns: list[Turn] = []
    for message in messages:
        if message.pk in asked:
            finished = answer_turn(
                turns=[*turns, Turn(role="customer", text=message.text)],
                knowledge=current_index(),
                generator=get_generator(),
                on_text=lambda _: None,
                is_phrased=settings.PHRASES_ANSWERS,
            )
            yield message.seq, finished
            turns += [_turn_with(message, finished), Turn(role="bot", text=finished.text)]
        elif message.author != Message.Author.BOT or message.seq < first_seq:
            turns.append(_turn(message))


def _turn_with(message: Message, finished: FinishedReply) -> Turn:
    return Turn(
        role="customer",
        text=message.text,
        standalone=finished.standalone_question if finished.standalone_question != message.text else "",
        passages=tuple(source["text"] for source in finished.sources),
        options=tuple(option["question"] for option in finished.options),
    )


def requeue_stuck() -> None:
    """Puts stuck replies back into the queue; one that has used up its attempts goes to a person."""
    for reply_id in conversations.requeue_stuck_replies():
        reply = conversations.take_exhausted_reply(reply_id=reply_id)
        if reply is None:
            continue
        log.error("reply %s: no worker finished it in %s attempts; a person has to answer", reply_id, reply.attempt - 1)
        conversations.finish_reply(
            reply=reply,
            finished=FinishedReply(
                text=apology(reply.conversation.language),
                action=Reply.Action.HANDOFF,
                origin="fixed",
                degraded="attempts_exhausted",
                decision={"chosen": Reply.Action.HANDOFF, "reason": "attempts_exhausted"},
            ),
        )


def _turns_up_to(message: Message) -> list[Turn]:
    """The conversation up to the message that is answered; earlier replies with what they were answered from. A
    question whose answer the customer stopped doesn't count: it may not lend its topic to the next one."""
    rows = Message.objects.filter(conversation=message.conversation_id, seq__lt=message.seq, author__in=_ROLES)
    recent = list(rows.not_stopped().with_reply().order_by("-seq")[:_MAX_RECALLED_MESSAGES])
    # replies to later messages can't exist yet, but a reply to an earlier one may carry a later seq
    answers = Message.objects.filter(answered_reply__customer_message__in=[m.pk for m in recent])
    by_pk = {m.pk: m for m in [*recent, *answers.with_reply()]}
    ordered = sorted(by_pk.values(), key=lambda m: m.seq)
    return [*(_turn(earlier) for earlier in ordered), Turn(role="customer", text=message.text)]


def _turn(message: Message) -> Turn:
    answer = getattr(message, "reply", None) if message.author == Message.Author.CUSTOMER else None
    if answer is None or answer.status != Reply.Status.DONE:
        return Turn(role=_ROLES[message.author], text=message.text)
    return Turn(
        role="customer",
        text=message.text,
        standalone=answer.standalone_question if answer.standalone_question != message.text else "",
        passages=tuple(source["text"] for source in answer.sources),
        options=tuple(option["question"] for option in answer.options),
    )


class _Lease:
    def __init__(self) -> None:
        self.is_lost = threading.Event()
        self.is_released = threading.Event()


@contextmanager
def _kept_lease(reply: Reply) -> Iterator[_Lease]:
    """Renews the reply's lease from a thread of its own, however long the model keeps this one waiting."""
    lease = _Lease()
    keeper = threading.Thread(target=_keep_lease, args=(reply, lease), name=f"lease-{reply.pk}", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        lease.is_released.set()


def _keep_lease(reply: Reply, lease: _Lease) -> None:
    end = time.monotonic() + settings.REPLY_TIME_LIMIT_S
    try:
        while not lease.is_released.wait(settings.REPLY_LEASE_RENEW_S):
            if time.monotonic() > end or not _renew_lease(reply):
                lease.is_lost.set()
                return
    finally:
        connections.close_all()  # this thread's own


def _renew_lease(reply: Reply) -> bool:
    try:
        return conversations.renew_lease(reply=reply)
    except OperationalError as error:  # not known whether it is still ours: the next try tells
        log.warning("reply %s: its lease couldn't be renewed now: %s", reply.pk, error)
        connections.close_all()  # a broken connection would stay broken
        return True


class _DeltaSender:
    """Passes the text so far on to browsers, at most every DELTA_INTERVAL_MS. The last text comes as a row."""

    def __init__(self, reply: Reply, lease: _Lease) -> None:
        self._reply = reply
        self._lease = lease
        self._sent_at = 0.0
        self._sent_text = ""

    def send(self, text: str) -> None:
        """Raises LeaseLostError, so that the pipeline stops working for nothing."""
        if self._lease.is_lost.is_set():
            raise LeaseLostError
        now = time.monotonic()
        if text == self._sent_text or (now - self._sent_at) * 1000 < settings.DELTA_INTERVAL_MS:
            return
        is_first = not self._sent_text
        self._sent_at, self._sent_text = now, text
        events.publish(
            events.ReplyDelta(
                conversation_id=str(self._reply.conversation_id),
                reply_id=self._reply.pk,
                attempt=self._reply.attempt,
                text=text,
            )
        )
        if is_first:  # after it was sent: nobody waits for the row
            conversations.record_first_delta(reply=self._reply)
