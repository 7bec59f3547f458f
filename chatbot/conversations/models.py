"""The rows of a conversation and the reads on them. Writes are in `services.py`."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.db import models
from django.db.models import Q

from chatbot.events import MessagePayload

AGENTS_GROUP = "agents"
ADMINS_GROUP = "admins"


def is_agent(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Agents and admins may read every conversation."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or Group.objects.filter(user=user, name__in=[AGENTS_GROUP, ADMINS_GROUP]).exists()


def is_admin(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Admins may change the answers."""
    if not isinstance(user, User) or not user.is_active:
        return False
    return user.is_superuser or Group.objects.filter(user=user, name=ADMINS_GROUP).exists()


class Customer(models.Model):
    """Somebody in a browser, known only by a signed session (`sessions.py`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sessions_valid_from = models.DateTimeField(auto_now_add=True, help_text="Sessions signed earlier are refused.")

    def __str__(self) -> str:
        return f"customer {self.id.hex[:6]}"


class ConversationQuerySet(models.QuerySet["Conversation"]):
    def visible_to(self, viewer: "Customer | AbstractBaseUser | AnonymousUser | None") -> Self:
        """The web's only way to a conversation: a customer's own ones, or all of them for an agent."""
        if isinstance(viewer, Customer):
            return self.filter(customer=viewer)
        if viewer is not None and is_agent(viewer):
            return self.all()
        return self.none()

    def unhappy(self) -> Self:
        return self.filter(mood=Conversation.Mood.NEGATIVE)


class Conversation(models.Model):
    class Mood(models.TextChoices):
        NEGATIVE = "negative"
        NEUTRAL = "neutral"
        POSITIVE = "positive"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="conversations")
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(auto_now_add=True)
    last_message_at = models.DateTimeField(null=True, db_index=True)
    last_seq = models.PositiveIntegerField(default=0)
    needs_human = models.BooleanField(default=False, db_index=True)
    mood = models.CharField(max_length=8, choices=Mood, default=Mood.NEUTRAL, db_index=True)
    mood_score = models.FloatField(default=0.0, help_text="-1 (unhappy) to 1 (happy), the latest messages count most")
    mood_trend = models.FloatField(default=0.0, help_text="change of the score over the conversation")
    is_demo = models.BooleanField(default=False)

    objects = ConversationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"conversation {self.id.hex[:6]}"


class MessageQuerySet(models.QuerySet["Message"]):
    def after(self, seq: int) -> Self:
        return self.filter(seq__gt=seq).order_by("seq")

    def with_reply(self) -> Self:
        """For `payload()` and transcripts: no further query per message."""
        return self.select_related("answered_reply", "reply", "agent")


class Message(models.Model):
    class Author(models.TextChoices):
        CUSTOMER = "customer"
        BOT = "bot"
        AGENT = "agent"
        SYSTEM = "system"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    author = models.CharField(max_length=8, choices=Author)
    text = models.TextField()
    client_id = models.CharField(max_length=64, blank=True, default="")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    agent_name = models.CharField(max_length=80, blank=True, default="")
    created_at = models.DateTimeField(db_index=True)
    sentiment = models.CharField(max_length=8, choices=Conversation.Mood, blank=True, default="")
    sentiment_probability = models.FloatField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        ordering = ["conversation", "seq"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "seq"], name="message_seq_once"),
            models.UniqueConstraint(
                fields=["conversation", "client_id"], condition=~Q(client_id=""), name="message_client_id_once"
            ),
            models.CheckConstraint(condition=Q(seq__gte=1), name="message_seq_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.author} {self.conversation_id}#{self.seq}"

    def payload(self) -> MessagePayload:
        """The message as browsers get it. Customers see nothing of sentiment, confidence, scores or attempts."""
        reply: Reply | None = getattr(self, "answered_reply", None) if self.author == self.Author.BOT else None
        return MessagePayload(
            id=self.pk,
            seq=self.seq,
            author=self.author,
            text=self.text,
            created_at=self.created_at.isoformat(),
            client_id=self.client_id,
            agent_name=self.agent_name,
            reply_id=reply.pk if reply else None,
            action=reply.action if reply else "",
            degraded=reply.degraded if reply else "",
            sources=[_without_score(source) for source in reply.sources] if reply else [],
            options=reply.options if reply else [],
        )


def _without_score(source: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key != "score"}


class ReplyQuerySet(models.QuerySet["Reply"]):
    def unfinished(self) -> Self:
        return self.filter(status__in=[Reply.Status.PENDING, Reply.Status.RUNNING])


class Reply(models.Model):
    """The bot's answer to one customer message: first a promise (PENDING), in the end a message (DONE).

    The one-to-one field to the customer's message makes a second reply impossible. `attempt` rises each time that the
    reply is queued again; whatever belongs to an older attempt changes nothing.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"

    class Action(models.TextChoices):
        ANSWER = "answer"
        CLARIFY = "clarify"
        DECLINE = "decline"
        HANDOFF = "handoff"
        SMALLTALK = "smalltalk"

    customer_message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="reply")
    message = models.OneToOneField(Message, null=True, on_delete=models.CASCADE, related_name="answered_reply")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="replies")
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    attempt = models.PositiveSmallIntegerField(default=1)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    first_delta_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    action = models.CharField(max_length=9, choices=Action, blank=True, default="")
    sources = models.JSONField(default=list, help_text="supporting passages as they were: id, question, text, score")
    options = models.JSONField(default=list, help_text="entries offered by a clarifying question: id, question")
    standalone_question = models.TextField(blank=True, default="")
    confidence = models.FloatField(null=True)
    model_version = models.CharField(max_length=80, blank=True, default="")
    origin = models.CharField(max_length=20, blank=True, default="", help_text="generated, approved text, or fixed")
    degraded = models.CharField(max_length=20, blank=True, default="", help_text="why the reply is less than usual")
    timings_ms = models.JSONField(default=dict)

    objects = ReplyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "replies"
        constraints = [
            models.CheckConstraint(
                condition=Q(status="done", message__isnull=False) | ~Q(status="done"), name="reply_done_has_message"
            )
        ]
        indexes = [
            models.Index(
                fields=["status", "queued_at"],
                name="reply_unfinished",
                condition=Q(status__in=["pending", "running"]),
            )
        ]

    def __str__(self) -> str:
        return f"reply to {self.customer_message_id} ({self.status}, attempt {self.attempt})"


class Review(models.Model):
    """What an agent says of a reply, and the better one that they wrote."""

    class Verdict(models.TextChoices):
        GOOD = "good"
        BAD = "bad"

    reply = models.ForeignKey(Reply, on_delete=models.CASCADE, related_name="reviews")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    verdict = models.CharField(max_length=4, choices=Verdict)
    better_text = models.TextField(blank=True, default="")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reply", "reviewer"], name="review_once_per_reviewer")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"
