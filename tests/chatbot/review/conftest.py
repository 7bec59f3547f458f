"""Reviewers, and turns to review, made through the services."""

import pytest
from django.contrib.auth.models import User

from chatbot.conversations import services
from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP, Conversation, Customer, Message, Reply
from chatbot.knowledge.services import save_answer
from tests.people import make_user


@pytest.fixture
def alice(db) -> User:
    return make_user("alice", AGENTS_GROUP)


@pytest.fixture
def dora(db) -> User:
    return make_user("dora", AGENTS_GROUP)


@pytest.fixture
def bob(db) -> User:
    return make_user("bob", ADMINS_GROUP)


@pytest.fixture(autouse=True)
def no_queue(monkeypatch):
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *args: None)


@pytest.fixture
def returns(db):
    return save_answer(id="returns.en", language="en", question="Can I return it?", answer="Within 30 days.")


def ask(question: str, *, in_: Conversation | None = None, mood: str = "neutral", rating: str = "", **reply) -> Message:
    """The customer's message of a finished turn."""
    conversation = in_ or services.current_conversation(customer=Customer.objects.create())
    message = services.receive_message(conversation=conversation, text=question, client_id="")
    services.record_sentiment(message=message, label=mood, probability=0.9)
    claimed = services.claim_reply(reply_id=message.reply.pk, attempt=1)
    fields = {"text": "Within 30 days.", "action": "answer", "confidence": 0.9, "origin": "approved text"} | reply
    services.finish_reply(reply=claimed, finished=services.FinishedReply(**fields))
    if rating:
        Reply.objects.filter(pk=claimed.pk).update(rating=rating)
    return Message.objects.select_related("reply__message", "conversation").get(pk=message.pk)
