"""The rows of a conversation and the reads on them. Writes are in `services.py`."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, User
from django.db import models
from django.db.models import Q

from chatbot.events import ConversationState, MessagePayload

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
    """Somebody in a browser, known by a signed session (`sessions.py`) or by what the host's server signed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sessions_valid_from = models.DateTimeField(auto_now_add=True, help_text="Sessions signed earlier are refused.")
    name = models.CharField(max_length=80, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    external_id = models.CharField(max_length=128, null=True, blank=True, unique=True, help_text="The host's own id.")
    is_identified = models.BooleanField(default=False, help_text="Name and id were signed by the host's server.")
    consented_at = models.DateTimeField(null=True, blank=True)

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


class Tag(models.Model):
    """A word that agents put on conversations."""

    name = models.CharField(max_length=40, unique=True)

    def __str__(self) -> str:
        return self.name


class Conversation(models.Model):
    class Mood(models.TextChoices):
        NEGATIVE = "negative"
        NEUTRAL = "neutral"
        POSITIVE = "positive"

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"

    class Handler(models.TextChoices):
        """Who answers: the bot, until an agent takes over."""

        BOT = "bot"
        AGENT = "agent"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="conversations")
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(auto_now_add=True)
    last_message_at = models.DateTimeField(null=True, db_index=True)
    last_seq = models.PositiveIntegerField(default=0)
    last_author = models.CharField(max_length=8, blank=True, default="")
    last_text = models.CharField(max_length=200, blank=True, default="", help_text="the beginning of the last message")
    last_action = models.CharField(max_length=9, blank=True, default="", help_text="the bot's latest action")
    status = models.CharField(max_length=6, choices=Status, default=Status.OPEN)
    closed_at = models.DateTimeField(null=True, blank=True)
    handled_by = models.CharField(max_length=5, choices=Handler, default=Handler.BOT)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="conversations"
    )
    needs_human = models.BooleanField(default=False)
    waiting_since = models.DateTimeField(null=True, blank=True, help_text="the customer waits for a person since then")
    snoozed_until = models.DateTimeField(null=True, blank=True)
    customer_seen_seq = models.PositiveIntegerField(default=0)
    agent_seen_seq = models.PositiveIntegerField(default=0)
    rating = models.PositiveSmallIntegerField(null=True, blank=True, help_text="1 to 5, by the customer")
    rating_comment = models.TextField(blank=True, default="")
    rated_at = models.DateTimeField(null=True, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="conversations")
    site_key = models.CharField(max_length=40, blank=True, default="", help_text="the embed key that it began with")
    mood = models.CharField(max_length=8, choices=Mood, default=Mood.NEUTRAL)
    mood_score = models.FloatField(default=0.0, help_text="-1 (unhappy) to 1 (happy), the latest messages count most")
    mood_trend = models.FloatField(default=0.0, help_text="change of the score over the conversation")
    is_demo = models.BooleanField(default=False)
    undo = models.JSONField(null=True, help_text="an agent's latest act: seq, agent, before (the fields as they were)")

    objects = ConversationQuerySet.as_manager()

    class Meta:
        indexes = [  # one for each view and filter of the inbox: docs/desk-performance.md has the plans
            models.Index(fields=["status", "-last_message_at", "-id"], name="conversation_by_status"),
            models.Index(fields=["mood", "status", "-last_message_at", "-id"], name="conversation_by_mood"),
            models.Index(fields=["mood", "-last_message_at", "-id"], name="conversation_by_mood_alone"),
            models.Index(fields=["assignee", "status", "-last_message_at", "-id"], name="conversation_by_agent"),
            models.Index(
                fields=["status", "waiting_since", "id"],
                name="conversation_by_waiting",
                condition=Q(needs_human=True),  # SQLite meets the bare column with no other index
            ),
            models.Index(fields=["language", "-last_message_at", "-id"], name="conversation_by_language"),
            models.Index(
                fields=["rating", "-last_message_at"],
                name="conversation_by_rating",
                condition=Q(rating__isnull=False),
            ),
            models.Index(
                fields=["snoozed_until"], name="conversation_by_snooze", condition=Q(snoozed_until__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"conversation {self.id.hex[:6]}"

    def state(self) -> ConversationState:
        """Who has it now, as browsers get it."""
        return ConversationState(
            status=self.status,
            handled_by=self.handled_by,
            needs_human=self.needs_human,
            agent_name=agent_display_name(self.assignee) if self.assignee else "",
            customer_seen_seq=self.customer_seen_seq,
            agent_seen_seq=self.agent_seen_seq,
            rating=self.rating,
        )


def agent_display_name(agent: User) -> str:
    """What customers see of an agent: the first name if there is one, else the user name."""
    return agent.first_name or agent.get_username()


class MessageQuerySet(models.QuerySet["Message"]):
    def after(self, seq: int) -> Self:
        return self.filter(seq__gt=seq).order_by("seq")

    def not_stopped(self) -> Self:
        """Without the questions whose answer the customer stopped: they are no part of what comes after."""
        return self.exclude(reply__status=Reply.Status.CANCELLED, reply__cancel_reason=Reply.STOPPED)

    def with_reply(self) -> Self:
        """For `payload()` and transcripts: no further query per message."""
        return self.select_related("answered_reply", "reply", "agent")


class Message(models.Model):
    class Author(models.TextChoices):
        CUSTOMER = "customer"
        BOT = "bot"
        AGENT = "agent"
        SYSTEM = "system"

    class Kind(models.TextChoices):
        """What a system message says; browsers word it in their reader's language. Empty for all other authors."""

        TAKEN_OVER = "taken_over"
        HANDED_BACK = "handed_back"
        HANDOFF_REQUESTED = "handoff_requested"
        STOPPED = "stopped"
        CLOSED = "closed"
        REOPENED = "reopened"
        LEFT_MESSAGE = "left_message"

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="messages")
    seq = models.PositiveIntegerField()
    author = models.CharField(max_length=8, choices=Author)
    kind = models.CharField(max_length=20, choices=Kind, blank=True, default="")
    text = models.TextField(blank=True)
    attachments = models.JSONField(
        default=list, blank=True, help_text="files as they were sent: see chatbot/attachments"
    )
    client_id = models.CharField(max_length=64, blank=True, default="")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    agent_name = models.CharField(max_length=80, blank=True, default="")
    created_at = models.DateTimeField(db_index=True)
    sentiment = models.CharField(max_length=8, choices=Conversation.Mood, blank=True, default="")
    sentiment_probability = models.FloatField(null=True)
    # null and not a default: SQLite would rebuild the table, whose search triggers would be lost (see inbox/index.py)
    sentiment_phrases = models.JSONField(
        null=True,
        help_text="[start, end] of each phrase that drove the sentiment, in code points; null: not looked for",
    )

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
            kind=self.kind,
            text=self.text,
            attachments=self.attachments,
            created_at=self.created_at.isoformat(),
            client_id=self.client_id,
            agent_name=self.agent_name,
            reply_id=reply.pk if reply else None,
            action=reply.action if reply else "",
            degraded=reply.degraded if reply else "",
            sources=[_without_score(source) for source in reply.sources] if reply else [],
            options=reply.options if reply else [],
            rating=reply.rating if reply else "",
        )


def _without_score(source: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in source.items() if key != "score"}


class ReplyQuerySet(models.QuerySet["Reply"]):
    def unfinished(self) -> Self:
        return self.filter(status__in=[Reply.Status.PENDING, Reply.Status.RUNNING])


class Reply(models.Model):
    """The bot's answer to one customer message: first a promise (PENDING), in the end a message (DONE).

    The one-to-one field to the customer's message makes a second reply impossible. `attempt` rises each time that the
    reply is queued again; whatever belongs to an older attempt changes nothing. An agent who takes over, or a customer
    who stops it, makes it CANCELLED: it then has no message and is never taken up again.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"

    class Rating(models.TextChoices):
        UP = "up"
        DOWN = "down"

    class Action(models.TextChoices):
        ANSWER = "answer"
        CLARIFY = "clarify"
        DECLINE = "decline"
        HANDOFF = "handoff"
        SMALLTALK = "smalltalk"

    STOPPED = "stopped"  # the `cancel_reason` of the customer's own wish

    customer_message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="reply")
    message = models.OneToOneField(Message, null=True, on_delete=models.CASCADE, related_name="answered_reply")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="replies")
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
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
    decision = models.JSONField(default=dict, help_text="why this action: probabilities and thresholds, by name")
    support = models.JSONField(
        default=list,
        help_text="spans of the text and of what supports them: start, end, source, source_start, source_end",
    )
    cancel_reason = models.CharField(max_length=20, blank=True, default="", help_text="taken_over or stopped")
    rating = models.CharField(max_length=4, choices=Rating, blank=True, default="", help_text="by the customer")
    rating_reason = models.CharField(max_length=300, blank=True, default="")
    rated_at = models.DateTimeField(null=True)

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
            ),
            models.Index(fields=["action", "conversation"], name="reply_by_action"),
            models.Index(fields=["model_version", "conversation"], name="reply_by_model"),
            models.Index(fields=["rating", "conversation"], name="reply_by_rating"),
            models.Index(fields=["rated_at"], name="reply_by_rated_at", condition=Q(rated_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"reply to {self.customer_message_id} ({self.status}, attempt {self.attempt})"
