"""What was prepared for agents and admins: summaries, remembered facts, suggestions, translations, drafts.

Rows only; who wants one asks `requests.py`, and a worker fills it in. Loads no model: the web may import this.
"""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from chatbot.conversations.models import Conversation, Customer, Message
from chatbot.knowledge.models import Answer

EXTRACTIVE = "extractive"


class Status(models.TextChoices):
    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


class Language(models.TextChoices):
    EN = "en", "English"
    ZH = "zh", "中文"


class ConversationSummary(models.Model):
    """What was asked, answered and left open, up to a message. All words in it are the conversation's own.

    `asked`: seq, text. `answered`: seq, text, by (bot or agent), asked_seq, question, answer_id. `open_points`: seq,
    text, reason (declined, handed_off, unclear, stopped, unanswered).
    """

    conversation = models.OneToOneField(Conversation, on_delete=models.CASCADE, related_name="summary")
    text = models.TextField(blank=True, default="", help_text="a sentence per line")
    asked = models.JSONField(default=list)
    answered = models.JSONField(default=list)
    open_points = models.JSONField(default=list)
    up_to_seq = models.PositiveIntegerField(default=0)
    model_version = models.CharField(max_length=80, default=EXTRACTIVE, help_text="extractive, or the model's name")
    error = models.CharField(max_length=30, blank=True, default="", help_text="why the bigger model's was refused")
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "conversation summaries"

    def __str__(self) -> str:
        return f"summary of {self.conversation_id} up to {self.up_to_seq}"


class CustomerFactQuerySet(models.QuerySet["CustomerFact"]):
    def latest_first(self) -> Self:
        return self.order_by("-message__created_at", "-pk")


class CustomerFact(models.Model):
    """Something that a customer said about themselves or their order, word for word as it stands in `message`."""

    class Name(models.TextChoices):
        ORDER_NUMBER = "order_number"
        NAME = "name"
        EMAIL = "email"
        PHONE = "phone"
        AMOUNT = "amount"
        DATE = "date"
        PRODUCT = "product"
        PLAN = "plan"
        LINK = "link"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="facts")
    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="facts")
    name = models.CharField(max_length=12, choices=Name)
    value = models.CharField(max_length=200)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = CustomerFactQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "name", "value"], name="customer_fact_once"),
            models.CheckConstraint(condition=~Q(value=""), name="customer_fact_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.customer_id}"


class Suggestion(models.Model):
    """What the bot would answer to a customer's message, for an agent to edit and send. Never sent by itself."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="suggestions")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    for_seq = models.PositiveIntegerField(help_text="the customer's message")
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    text = models.TextField(blank=True, default="")
    sources = models.JSONField(default=list, help_text="as of a reply")
    origin = models.CharField(max_length=20, blank=True, default="", help_text="approved text, or model")
    model_version = models.CharField(max_length=80, blank=True, default="")
    error = models.CharField(max_length=30, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [models.Index(fields=["conversation", "-for_seq"], name="suggestion_latest")]

    def __str__(self) -> str:
        return f"suggestion for {self.conversation_id}#{self.for_seq} ({self.status})"


class Translation(models.Model):
    """A message, or a text from the composer (then `message` is null), in the other language. The original stays."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="translations")
    message = models.ForeignKey(Message, null=True, blank=True, on_delete=models.CASCADE, related_name="translations")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    text = models.TextField(help_text="the original")
    target = models.CharField(max_length=2, choices=Language)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    translated_text = models.TextField(blank=True, default="")
    model_version = models.CharField(max_length=80, blank=True, default="")
    error = models.CharField(max_length=30, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["message", "target"], condition=Q(message__isnull=False), name="translation_once_per_message"
            )
        ]

    def __str__(self) -> str:
        return f"translation {self.pk} into {self.target} ({self.status})"


class AlternativesDraft(models.Model):
    """Other ways to ask an answer's question, for an admin to pick from. Changes no answer."""

    answer = models.ForeignKey(Answer, on_delete=models.CASCADE, related_name="alternatives_drafts")
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    status = models.CharField(max_length=7, choices=Status, default=Status.PENDING)
    texts = models.JSONField(default=list)
    model_version = models.CharField(max_length=80, blank=True, default="")
    error = models.CharField(max_length=30, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"alternatives of {self.answer_id} ({self.status})"
