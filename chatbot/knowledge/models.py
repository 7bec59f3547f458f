"""The approved answers, every earlier state of them, and the revision that tells processes that something changed.

Reads only; writes are in `services.py`, which also keep the history and raise the revision.
"""

import uuid
from typing import Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, RegexValidator
from django.db import models

LIST_SEPARATOR = "|"
ID_MAX_CHARS = 100
QUESTION_MAX_CHARS = 500
ANSWER_MAX_CHARS = 4000


class AnswerQuerySet(models.QuerySet["Answer"]):
    def live(self) -> Self:
        """What the bot may say."""
        return self.filter(is_live=True)


class Answer(models.Model):
    """One approved answer: the truth that the bot may tell. Ids like `returns.en` and `returns.zh` are twins."""

    class Language(models.TextChoices):
        EN = "en", "English"
        ZH = "zh", "中文"

    id = models.CharField(
        primary_key=True,
        max_length=ID_MAX_CHARS,
        validators=[
            RegexValidator(
                r"\A\w[\w.-]*\Z", "Use letters, digits, dots, hyphens and underscores only, such as returns.en."
            )
        ],
        help_text="Stable name, such as returns.en; an import updates the answer with the same id.",
    )
    language = models.CharField(max_length=2, choices=Language, default=Language.EN)
    question = models.CharField(max_length=QUESTION_MAX_CHARS, help_text="The question as a customer would ask it.")
    alternatives = models.JSONField(default=list, blank=True, help_text="Other ways to ask the same.")
    answer = models.TextField(
        validators=[MaxLengthValidator(ANSWER_MAX_CHARS)], help_text="What the bot says, word for word."
    )
    tags = models.JSONField(default=list, blank=True)
    is_live = models.BooleanField(default=True, db_index=True, help_text="The bot answers only from live answers.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = AnswerQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=models.Q(language__in=["en", "zh"]), name="answer_language_known"),
            models.CheckConstraint(condition=~models.Q(id=""), name="answer_id_not_empty"),
            models.CheckConstraint(condition=~models.Q(answer=""), name="answer_text_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.id}: {self.question}"

    def clean_fields(self, exclude: Any = None) -> None:
        """Takes away what nobody means (spaces around texts, other line ends, NUL), then checks each field."""
        self.id, self.question = str(self.id).strip(), " ".join(_storable(self.question).split())
        self.answer = _storable(self.answer).replace("\r\n", "\n").replace("\r", "\n").strip()
        super().clean_fields(exclude=exclude)

    def clean(self) -> None:
        super().clean()
        errors = {}
        for name in ("alternatives", "tags"):
            try:
                setattr(self, name, _clean_list(getattr(self, name)))
            except ValidationError as error:
                errors[name] = error
        if errors:
            raise ValidationError(errors)

    def snapshot(self) -> dict[str, Any]:
        """The answer's state, ready for JSON."""
        names = ("id", "language", "question", "alternatives", "answer", "tags", "is_live")
        return {name: getattr(self, name) for name in names}


class AnswerVersion(models.Model):
    """A state that an answer once had. Kept when the answer is deleted, so that any change can be undone."""

    class Change(models.TextChoices):
        CREATED = "created"
        UPDATED = "updated"
        DELETED = "deleted"
        RESTORED = "restored"

    answer_id = models.CharField(max_length=ID_MAX_CHARS)
    number = models.PositiveIntegerField()
    change = models.CharField(max_length=8, choices=Change)
    snapshot = models.JSONField(help_text="the answer after the change; before it, for a deletion")
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    changed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["answer_id", "-number"]
        constraints = [models.UniqueConstraint(fields=["answer_id", "number"], name="answer_version_number_once")]

    def __str__(self) -> str:
        return f"{self.answer_id} #{self.number} ({self.change})"


class AnswerDraft(models.Model):
    """A proposed answer, or a proposed change of one. Nothing of it is live until an admin publishes it."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        PUBLISHED = "published"
        REJECTED = "rejected"

    answer_id = models.CharField(max_length=ID_MAX_CHARS)
    base = models.JSONField(default=dict, blank=True, help_text="the answer when it was proposed; empty for a new one")
    proposed = models.JSONField(help_text="the answer as it should be, as a snapshot")
    status = models.CharField(max_length=9, choices=Status, default=Status.WAITING, db_index=True)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return f"draft of {self.answer_id} ({self.status})"


class TextVector(models.Model):
    """What the sentence encoder made of a text, kept so that a start doesn't encode every answer again.

    `key`: of the encoder and the text, see `vectors.py`. Losing rows costs time, nothing else.
    """

    key = models.CharField(primary_key=True, max_length=64)
    vector = models.BinaryField()

    def __str__(self) -> str:
        return self.key


class KnowledgeRevision(models.Model):
    """One row. Every write raises `number` and draws a new `token` in its transaction.

    The token tells apart two databases, or a database and its restored backup, that have counted equally far.
    """

    ONLY_PK = 1

    number = models.PositiveBigIntegerField(default=0)
    token = models.UUIDField(default=uuid.uuid4)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="knowledge_revision_one_row")]

    def __str__(self) -> str:
        return f"revision {self.number}"


def _storable(text: str) -> str:
    """PostgreSQL takes no NUL."""
    return text.replace("\x00", "")


def _clean_list(values: Any) -> list[str]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValidationError("Give a list of texts.")
    cleaned = [" ".join(_storable(value).split()) for value in values]
    if any(LIST_SEPARATOR in value for value in cleaned):
        raise ValidationError(f"Leave out the character {LIST_SEPARATOR}: it separates entries in the answers file.")
    return list(dict.fromkeys(value for value in cleaned if value))
