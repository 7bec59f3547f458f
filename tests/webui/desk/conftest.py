"""The desk's people: Alice (agent), Bob (admin), Charlie (logged in, an outsider), and conversations to look at."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from chatbot.conversations import services
from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP, Conversation, Customer, Message, Reply
from tests.people import PASSWORD, logged_in, make_user

__all__ = ["PASSWORD", "logged_in", "make_user"]


@pytest.fixture
def alice(db) -> User:
    return make_user("alice", AGENTS_GROUP)


@pytest.fixture
def bob(db) -> User:
    return make_user("bob", ADMINS_GROUP)


@pytest.fixture
def charlie(db) -> User:
    return make_user("charlie")


def make_exchange(conversation: Conversation, question: str, answer: str, **reply_fields) -> Reply:
    """A customer's message, scored, and its finished reply, through the services."""
    message = services.receive_message(conversation=conversation, text=question, client_id="")
    services.record_sentiment(message=message, label="negative", probability=0.9)
    reply = services.claim_reply(reply_id=message.reply.pk, attempt=1)
    fields = {
        "action": "answer",
        "sources": [{"id": "returns.en", "question": "Can I return it?", "text": "Within 30 days.", "score": 0.87}],
        "standalone_question": f"Standalone: {question}",
        "confidence": 0.91,
        "model_version": "test-model-7",
        "origin": "generated",
        "timings_ms": {"retrieve_ms": 12.0},
    }
    services.finish_reply(reply=reply, finished=services.FinishedReply(text=answer, **(fields | reply_fields)))
    return Reply.objects.get(pk=reply.pk)


def make_conversation(num_exchanges: int = 1, *, question: str = "Can I return a cup?", **reply_fields) -> Conversation:
    conversation = services.current_conversation(customer=Customer.objects.create())
    for n in range(num_exchanges):
        make_exchange(conversation, f"{question} {n}", f"Within 30 days. {n}", **reply_fields)
    return Conversation.objects.get(pk=conversation.pk)


def age(conversation: Conversation, **ago: float) -> None:
    at = timezone.now() - timedelta(**ago)
    Conversation.objects.filter(pk=conversation.pk).update(last_message_at=at)
    Message.objects.filter(conversation=conversation).update(created_at=at)


@pytest.fixture(autouse=True)
def no_queue(monkeypatch):
    """No task runs here; the replies are finished by `make_exchange`."""
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *args: None)
