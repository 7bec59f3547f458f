"""What the analysis worker keeps of a customer's message, with the classifier that is shipped."""

from io import StringIO

import pytest
from django.core.management import call_command

from chatbot.assist.analysis import analyse_message
from chatbot.conversations import services
from chatbot.conversations.models import Conversation

pytestmark = pytest.mark.django_db


def test_a_messages_sentiment_is_kept_with_the_phrases_that_drove_it(conversation, enqueued, published, monkeypatch):
    monkeypatch.setattr("chatbot.queue.enqueue_later", lambda *args, **options: None)
    text = "the delivery was quick but your staff were unbelievably rude"
    message = services.receive_message(conversation=conversation, text=text, client_id="1")
    assert message.sentiment_phrases is None
    for _ in range(2):
        analyse_message(message.pk)
    message.refresh_from_db()
    assert message.sentiment == Conversation.Mood.NEGATIVE
    assert [text[start:end] for start, end in message.sentiment_phrases] == ["your staff were unbelievably rude"]


def test_a_neutral_message_keeps_that_nothing_drove_it(conversation, enqueued, published, monkeypatch):
    monkeypatch.setattr("chatbot.queue.enqueue_later", lambda *args, **options: None)
    message = services.receive_message(conversation=conversation, text="What time do you open?", client_id="1")
    analyse_message(message.pk)
    message.refresh_from_db()
    assert (message.sentiment, message.sentiment_phrases) == ("neutral", [])


@pytest.mark.django_db(transaction=True)
def test_the_column_is_added_without_rebuilding_the_messages_table_which_would_lose_its_search_triggers():
    out = StringIO()
    call_command("sqlmigrate", "conversations", "0007", stdout=out)
    assert "ADD COLUMN" in out.getvalue() and "CREATE TABLE" not in out.getvalue()
