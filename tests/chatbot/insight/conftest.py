"""Small conversations whose every figure can be counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from chatbot.conversations.models import Conversation, Customer, Message, Reply
from chatbot.knowledge.models import Answer

MONDAY_NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def answers(db) -> None:
    Answer.objects.create(id="returns.en", question="Can I return it?", answer="Yes.", tags=["returns"])
    Answer.objects.create(id="late.en", question="Where is it?", answer="On its way.", tags=["delivery"])


def converse(
    *turns: tuple[str, str, str], at: datetime = MONDAY_NOON, version: str = "m1", language: str = "en", **fields
) -> Conversation:
    """`turns`: (mood of the customer's message, action, answer id), a minute apart, each answered after 2 s.

    The action "agent" is an agent's message instead of a reply; "" is none.
    """
    conversation = Conversation.objects.create(customer=Customer.objects.create(), language=language, **fields)
    seq = 0
    for n, (mood, action, answer) in enumerate(turns):
        asked_at = at + timedelta(minutes=n)
        seq += 1
        question = Message.objects.create(
            conversation=conversation, seq=seq, author="customer", text=f"Where is {n}?", created_at=asked_at,
            sentiment=mood,
        )  # fmt: skip
        if not action:
            continue
        seq += 1
        done_at = asked_at + timedelta(seconds=2)
        reply = Message.objects.create(
            conversation=conversation, seq=seq, author="agent" if action == "agent" else "bot", text="So.",
            created_at=done_at,
        )  # fmt: skip
        if action != "agent":
            Reply.objects.create(
                customer_message=question, message=reply, conversation=conversation, status="done", queued_at=asked_at,
                finished_at=done_at, action=action, model_version=version,
                sources=[{"id": answer, "question": "", "text": "", "score": 1.0}] if answer else [],
            )  # fmt: skip
    Conversation.objects.filter(pk=conversation.pk).update(last_seq=seq)
    return conversation
