"""How the web asks for help with a conversation: each function writes a row and, on commit, queues the work.

Loads no model and never waits; what a worker finds is saved in the row and announced as `assist.ready`.
"""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from chatbot import queue
from chatbot.assist.languages import guess_language, translation_target
from chatbot.assist.models import AlternativesDraft, Status, Suggestion, Translation
from chatbot.conversations.models import Conversation, Message
from chatbot.knowledge.models import Answer

__all__ = [
    "NEEDS_SETTING",
    "Availability",
    "availability",
    "request_alternatives",
    "request_suggestion",
    "request_summary",
    "request_translation",
    "translation_target",
]

NEEDS_SETTING = "KEFU_OPENAI_URL"
_LOST_AFTER_S = 120
NEEDS_MODEL, SAME_LANGUAGE, NOTHING_ASKED = "needs_model", "same_language", "nothing_asked"


@dataclass(frozen=True, kw_only=True)
class Availability:
    """What can be asked for. `model`: the bigger model's name, "" when none is configured."""

    suggestions: bool
    translation: bool
    model: str


def availability() -> Availability:
    """From the settings alone; says nothing of whether the model's server answers."""
    is_configured = bool(settings.OPENAI_URL)
    return Availability(
        suggestions=True, translation=is_configured, model=settings.OPENAI_MODEL if is_configured else ""
    )


def request_summary(*, conversation: Conversation) -> None:
    """Has the summary brought up to the last message. Cheap to repeat: one that is up to date is left alone."""
    last = conversation.messages.order_by("-seq").first()
    if last is not None:
        transaction.on_commit(partial(queue.enqueue, queue.SUMMARISE, last.pk))


@transaction.atomic
def request_suggestion(*, conversation: Conversation, agent: User) -> Suggestion:
    """A reply to the customer's last message; the one that is there already unless it failed by a fault."""
    Conversation.objects.select_for_update().get(pk=conversation.pk)
    last = conversation.messages.filter(author=Message.Author.CUSTOMER).exclude(text="").order_by("-seq").first()
    if last is None:
        return Suggestion.objects.create(
            conversation=conversation, requested_by=agent, for_seq=0, status=Status.FAILED, error=NOTHING_ASKED
        )
    present = Suggestion.objects.filter(conversation=conversation, for_seq=last.seq).order_by("-pk").first()
    if present is not None and present.status != Status.FAILED and not _is_lost(present):
        return present
    suggestion = Suggestion.objects.create(conversation=conversation, requested_by=agent, for_seq=last.seq)
    transaction.on_commit(partial(queue.enqueue, queue.SUGGEST, suggestion.pk))
    return suggestion


@transaction.atomic
def request_translation(
    *, conversation: Conversation, target: str, agent: User, message: Message | None = None, text: str = ""
) -> Translation:
    """A message of this conversation, or a text from the composer, in `target` (en or zh).

    A message is translated once per language; asking again returns that row, and tries again when it failed.
    """
    original = message.text if message is not None else text.strip()
    error = _why_untranslatable(original, target)
    fields = {
        "conversation": conversation,
        "requested_by": agent,
        "text": original,
        "status": Status.FAILED if error else Status.PENDING,
        "error": error,
    }
    if message is None:
        translation = Translation.objects.create(target=target, **fields)
    else:
        translation, is_new = Translation.objects.get_or_create(message=message, target=target, defaults=fields)
        if not is_new:
            if translation.status != Status.FAILED and not _is_lost(translation):
                return translation
            retried = Translation.objects.filter(pk=translation.pk).exclude(status=Status.DONE)
            retried.update(status=fields["status"], error=error, created_at=timezone.now())
            translation.refresh_from_db()
    if not error:
        transaction.on_commit(partial(queue.enqueue, queue.TRANSLATE, translation.pk))
    return translation


@transaction.atomic
def request_alternatives(*, answer: Answer, agent: User) -> AlternativesDraft:
    """Other ways to ask this answer's question, for an admin to choose from."""
    draft = AlternativesDraft(answer=answer, requested_by=agent)
    if not availability().model:
        draft.status, draft.error = Status.FAILED, NEEDS_MODEL
    draft.save()
    if draft.status == Status.PENDING:
        transaction.on_commit(partial(queue.enqueue, queue.DRAFT_ALTERNATIVES, draft.pk))
    return draft


def _is_lost(row: Suggestion | Translation) -> bool:
    """Asked for so long ago that its task won't come any more: the broker was down, or the worker died."""
    return row.status == Status.PENDING and timezone.now() - row.created_at > timedelta(seconds=_LOST_AFTER_S)


def _why_untranslatable(text: str, target: str) -> str:
    if not text:
        return NOTHING_ASKED
    if guess_language(text) == target:
        return SAME_LANGUAGE
    return "" if availability().translation else NEEDS_MODEL
