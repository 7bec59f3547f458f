"""The rows of reviewing. Nothing here decides; writes are in `services.py`.

What is reviewed is a turn: a customer's message together with the bot's reply to it, if there is one. So one key, the
customer's message, stands for both.
"""

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Exists, OuterRef, Q

from chatbot.conversations.models import Conversation, Message
from chatbot.knowledge.models import AnswerDraft


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


class QueueItemQuerySet(models.QuerySet["QueueItem"]):
    def at_risk(self) -> Self:
        """Riskiest first. What the sample has is left to the sample, or its rate would follow the risk."""
        return self.filter(is_open=True, is_sampled=False).order_by("-risk", "-message_id")

    def sampled(self) -> Self:
        """Newest first: nothing of the outcome decides which ones are seen."""
        return self.filter(is_open=True, is_sampled=True).order_by("-message_id")

    def disputed(self) -> Self:
        """Where reviewers differ and nobody has picked yet, latest first."""
        return self.filter(is_disputed=True).order_by("-message_id")

    def not_yet_by(self, reviewer: AbstractBaseUser | AnonymousUser) -> Self:
        return self.exclude(Exists(Review.objects.filter(message=OuterRef("pk"), reviewer=reviewer.pk)))


class QueueItem(models.Model):
    """A turn that somebody should look at, and why. `queue.py` decides; pages read this alone, by an index.

    Copies what pages filter by, so that no list joins a million messages.
    """

    message = models.OneToOneField(Message, primary_key=True, on_delete=models.CASCADE, related_name="queue_item")
    risk = models.PositiveSmallIntegerField()
    is_negative = models.BooleanField(default=False)
    is_disliked = models.BooleanField(default=False, help_text="thumbs down")
    is_declined = models.BooleanField(default=False)
    is_handed_off = models.BooleanField(default=False)
    is_unsure = models.BooleanField(default=False, help_text="the bot's confidence was low")
    is_sampled = models.BooleanField(default=False, help_text="drawn by its number alone")
    is_open = models.BooleanField(default=True, help_text="fewer people than it needs have reviewed it")
    is_disputed = models.BooleanField(default=False, help_text="reviewers differ, and no review counts by a pick")
    language = models.CharField(max_length=2)
    sentiment = models.CharField(max_length=8, blank=True, default="")
    at = models.DateTimeField()

    objects = QueueItemQuerySet.as_manager()

    class Meta:
        indexes = [
            *(
                models.Index(
                    fields=["-risk", "-message"],
                    name=f"queue_{name}",
                    condition=Q(is_open=True, is_sampled=False, **({f"is_{name}": True} if name != "risk" else {})),
                )
                for name in ("risk", "negative", "disliked", "declined", "handed_off", "unsure")
            ),
            models.Index(fields=["-message"], name="queue_sample", condition=Q(is_open=True, is_sampled=True)),
            models.Index(fields=["-message"], name="queue_disputed", condition=Q(is_disputed=True)),
            models.Index(fields=["at"], name="queue_sample_by_time", condition=Q(is_sampled=True)),
        ]

    def __str__(self) -> str:
        return f"turn {self.message_id}: risk {self.risk}"


class QueueState(models.Model):
    """One row: how far the queue has been filled."""

    ONLY_PK = 1
    last_reply_id = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"filled up to reply {self.last_reply_id}"


class Correction(models.Model):
    """What a reviewer made of a turn: a proposal for the approved answers, or an example to train on.

    The message and the author are its origin. It goes when the customer is forgotten; what was published stays.
    """

    class Kind(models.TextChoices):
        NEW_ANSWER = "new_answer"
        CHANGED_ANSWER = "changed_answer"
        ALTERNATIVE = "alternative"
        EXAMPLE = "example"

    kind = models.CharField(max_length=14, choices=Kind)
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="corrections")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="corrections"
    )
    draft = models.OneToOneField(
        AnswerDraft, null=True, blank=True, on_delete=models.CASCADE, related_name="correction"
    )
    answer_id = models.CharField(max_length=100, help_text="the entry that it is about")
    example = models.JSONField(null=True, blank=True, help_text="a line of paraphrases.jsonl")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="example", draft__isnull=True, example__isnull=False)
                | Q(draft__isnull=False, example__isnull=True) & ~Q(kind="example"),
                name="correction_is_draft_or_example",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.answer_id}"

    @property
    def state(self) -> str:
        """waiting, published or rejected; `kept` for an example."""
        return self.draft.status if self.draft else "kept"


class Replay(models.Model):
    """A conversation's customer turns answered again with today's answers. The conversation stays as it is."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="replays")
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    status = models.CharField(max_length=7, choices=Status, default=Status.WAITING)
    replies = models.JSONField(default=list, help_text="in order: seq, text, action, sources, confidence, degraded")
    model_version = models.CharField(max_length=80, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["conversation", "-id"], name="replay_by_conversation")]

    def __str__(self) -> str:
        return f"replay of {self.conversation_id} ({self.status})"
