"""What is made of each customer message for agents: sentiment, the conversation's mood, facts; then the summary."""

from functools import cache

from django.conf import settings

from chatbot import queue
from chatbot.assist.services import remember_facts
from chatbot.conversations import services as conversations
from chatbot.conversations.models import Message
from chatbot.sentiment.classifier import SentimentClassifier
from chatbot.sentiment.trend import mood_of


@cache
def classifier() -> SentimentClassifier:
    """The process's classifier, loaded on first use."""
    return SentimentClassifier.load()


def analyse_message(message_id: int) -> None:
    """Classifies one customer message and brings its conversation's mood up to date. Safe to call twice.

    A message that is gone or isn't a customer's is left alone.
    """
    messages = Message.objects.select_related("conversation")
    message = messages.filter(pk=message_id, author=Message.Author.CUSTOMER).first()
    if message is None:
        return
    remember_facts(message)
    queue.enqueue_later(queue.SUMMARISE, message.pk, delay_s=settings.SUMMARY_DELAY_S)
    sentiment = classifier().classify([message.text])[0]
    conversations.record_sentiment(
        message=message,
        label=sentiment.label,
        probability=sentiment.probability,
        phrases=classifier().phrases(message.text, sentiment.label),
    )
    refresh_mood(message)


def refresh_mood(message: Message) -> None:
    scored = Message.objects.filter(conversation=message.conversation_id).exclude(sentiment="").order_by("seq")
    sentiments = scored.values_list("sentiment", "sentiment_probability")
    mood = mood_of([(label, probability or 0.0) for label, probability in sentiments])
    conversations.record_mood(
        conversation_id=message.conversation_id, mood=mood.label, score=mood.score, trend=mood.trend
    )
