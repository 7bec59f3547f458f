"""Verdicts, and the pick that counts when they differ. Each function owns its transaction."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chatbot import events
from chatbot.conversations.models import Conversation, Message, is_admin
from chatbot.conversations.writes import publish_on_commit
from chatbot.review.models import Review
from chatbot.review.queue import follow_reviews

BETTER_TEXT_MAX_CHARS = 4000


class ReviewRefusedError(ValueError):
    """What was said can't be kept. `code` is stable: unknown_verdict, unknown_sentiment, no_sentiment, too_long."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def review_turn(
    *, message: Message, reviewer: User, verdict: str, better_text: str = "", corrected_sentiment: str = ""
) -> Review:
    """One review per reviewer and turn (the customer's message); a later one replaces it. Raises ReviewRefusedError."""
    _check(verdict, better_text, corrected_sentiment)
    said = {
        "verdict": verdict,
        "better_text": better_text.strip(),
        "corrected_sentiment": corrected_sentiment,
        "reviewed_at": timezone.now(),
    }
    review, _ = Review.objects.update_or_create(message=message, reviewer=reviewer, defaults=said)
    follow_reviews(message.pk)
    publish_on_commit(events.ConversationChanged(conversation_id=str(message.conversation_id)))
    return review


def _check(verdict: str, better_text: str, corrected_sentiment: str) -> None:
    if verdict not in Review.Verdict.values:
        raise ReviewRefusedError("unknown_verdict")
    if corrected_sentiment and corrected_sentiment not in Conversation.Mood.values:
        raise ReviewRefusedError("unknown_sentiment")
    if verdict == Review.Verdict.SENTIMENT_WRONG and not corrected_sentiment:
        raise ReviewRefusedError("no_sentiment")
    if len(better_text) > BETTER_TEXT_MAX_CHARS:
        raise ReviewRefusedError("too_long")


@transaction.atomic
def pick(*, review: Review, by: User) -> None:
    """An admin says which review of a turn counts; an earlier pick ends. Safe to repeat."""
    if not is_admin(by):
        raise PermissionError("only an admin picks the review that counts")
    Message.objects.select_for_update().get(pk=review.message_id)  # two picks at once: one after the other
    Review.objects.filter(message=review.message_id, is_authoritative=True).update(is_authoritative=False)
    Review.objects.filter(pk=review.pk).update(is_authoritative=True)
    follow_reviews(review.message_id)
    publish_on_commit(events.ConversationChanged(conversation_id=str(review.message.conversation_id)))
