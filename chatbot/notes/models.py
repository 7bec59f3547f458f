"""What agents write for one another and for reuse: internal notes, who is mentioned in them, and canned replies.

Notes never reach a customer: nothing of the chat reads this room. Writes are in `services.py`.
"""

from typing import Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Conversation, is_agent


class NoteQuerySet(models.QuerySet["Note"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> Self:
        """All notes for agents, none for anybody else."""
        return self.all() if is_agent(user) else self.none()

    def shown(self) -> Self:
        """Without what was deleted; in the order of a transcript, with what a page needs of each."""
        kept = self.filter(deleted_at=None).select_related("author")
        return kept.prefetch_related("mentions__agent").order_by("after_seq", "pk")


class Note(models.Model):
    """A remark of an agent in a conversation. A deleted one stays, so that the deletion can be taken back."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="notes")
    author_name = models.CharField(max_length=150)
    text = models.TextField()
    after_seq = models.PositiveIntegerField(help_text="the last message when it was written: its place")
    client_id = models.CharField(max_length=64, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    edited_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = NoteQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation", "client_id"], condition=~Q(client_id=""), name="note_client_id_once"
            )
        ]
        indexes = [models.Index(fields=["conversation", "after_seq"], name="note_place")]

    def __str__(self) -> str:
        return f"note {self.pk} in {self.conversation_id}"

    def may_change(self, user: User) -> bool:
        """Only who wrote it may edit or delete it."""
        return self.author_id == user.pk


class MentionQuerySet(models.QuerySet["Mention"]):
    def unseen_by(self, agent: User | AnonymousUser) -> Self:
        """Mentions in notes that are still there and that this agent hasn't had in view."""
        if not isinstance(agent, User):
            return self.none()
        return self.filter(agent=agent, seen_at=None, note__deleted_at=None)


class Mention(models.Model):
    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="mentions")
    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="mentions")
    seen_at = models.DateTimeField(null=True, blank=True)

    objects = MentionQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["note", "agent"], name="mention_once_per_note")]
        indexes = [models.Index(fields=["agent"], name="mention_unseen", condition=Q(seen_at=None))]

    def __str__(self) -> str:
        return f"{self.agent_id} in note {self.note_id}"


class CannedReply(models.Model):
    """A reply that agents often need, found by its shortcut. `{customer}` and `{agent}` in it are filled in."""

    title = models.CharField(_("title"), max_length=80)
    shortcut = models.CharField(
        _("shortcut"),
        max_length=32,
        unique=True,
        validators=[RegexValidator(r"^[\w-]+\Z", _("Letters, digits, - and _ only: it is typed after a slash."))],
        help_text=_("What agents type after / in the reply box."),
    )
    text_en = models.TextField(
        _("text in English"), blank=True, default="", help_text=_("{customer} and {agent} become the names.")
    )
    text_zh = models.TextField(_("text in Chinese"), blank=True, default="")

    class Meta:
        ordering = ["shortcut"]
        verbose_name = _("canned reply")
        verbose_name_plural = _("canned replies")
        constraints = [models.CheckConstraint(condition=~Q(text_en="", text_zh=""), name="canned_reply_says_something")]

    def __str__(self) -> str:
        return self.title

    def text_in(self, language: str) -> str:
        """The text for a customer who reads `language`; the other one when there is none."""
        return (self.text_zh or self.text_en) if language.startswith("zh") else (self.text_en or self.text_zh)
