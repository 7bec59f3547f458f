"""What the inbox keeps beside conversations: agents' saved searches, and which answers each reply used.

`AnswerUse` and the search index (`index.py`) are written by the database itself, in the transaction of what they
index, so they can't get out of step.
"""

from django.conf import settings
from django.db import models

from chatbot.conversations.models import Conversation, Reply


class SavedSearch(models.Model):
    """A list that one agent wants to come back to: its name and the query string of its address."""

    agent = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "saved searches"
        constraints = [models.UniqueConstraint(fields=["agent", "name"], name="saved_search_name_once")]

    def __str__(self) -> str:
        return self.name


class AnswerUse(models.Model):
    """This answer supported this reply: the ids in `Reply.sources`, one a row. Only a trigger writes it."""

    reply = models.ForeignKey(Reply, on_delete=models.CASCADE, related_name="+")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="+", db_index=False)
    answer_id = models.CharField(max_length=200)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["reply", "answer_id"], name="answer_use_once")]
        indexes = [models.Index(fields=["answer_id", "conversation"], name="answer_use_found")]

    def __str__(self) -> str:
        return f"{self.answer_id} in reply {self.reply_id}"
