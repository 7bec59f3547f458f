"""The rows of reviewing. Nothing here decides; writes are in `services.py`.

What is reviewed is a turn: a customer's message together with the bot's reply to it, if there is one. So one key, the
customer's message, stands for both.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatbot.conversations.models import Conversation, Message


class Review(models.Model):
    """What one reviewer says of a turn. Several reviewers may say something of the same one."""

    class Verdict(models.TextChoices):
        RIGHT = "right"
        WRONG_ENTRY = "wrong_entry"
        MISSING_ANSWER = "missing_answer"
        BAD_WORDING = "bad_wording"
        SHOULD_HAND_OFF = "should_hand_off"
        SENTIMENT_WRONG = "sentiment_wrong"

    message = models.ForeignKey(
        Message, on_delete=models.CASCADE, related_name="reviews", help_text="the customer's; its reply belongs to it"
    )
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="reviews")
    verdict = models.CharField(max_length=15, choices=Verdict)
    corrected_sentiment = models.CharField(max_length=8, choices=Conversation.Mood, blank=True, default="")
    better_text = models.TextField(blank=True, default="", help_text="what the bot should have said")
    is_authoritative = models.BooleanField(default=False, help_text="An admin chose it: this one counts.")
    reviewed_at = models.DateTimeField(help_text="when it was said last")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message", "reviewer"], name="turn_reviewed_once_by_reviewer"),
            models.UniqueConstraint(
                fields=["message"], condition=Q(is_authoritative=True), name="one_authoritative_review"
            ),
            models.CheckConstraint(
                condition=~Q(verdict="sentiment_wrong") | ~Q(corrected_sentiment=""), name="wrong_sentiment_corrected"
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "-reviewed_at"], name="review_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"
