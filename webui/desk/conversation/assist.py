"""A suggested reply, and translations: asked for by POST, worked out by a worker, read when `assist.ready` says so."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_POST, require_safe

from chatbot.assist.models import Suggestion, Translation
from chatbot.assist.requests import request_suggestion, request_translation
from chatbot.conversations.models import Conversation
from webui.desk.access import agents_only, conversation_or_404
from webui.desk.conversation.message import message_partial
from webui.desk.posted import agent_of, seq_of, text_of
from webui.desk.transcripts import reader_language

MAX_CHARS = 4000


@require_POST
@agents_only
def suggest(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Partial: what the bot would answer to the customer's last message, or that it is being worked out."""
    conversation = conversation_or_404(request, pk)
    return _suggestion(request, conversation, request_suggestion(conversation=conversation, agent=agent_of(request)))


@require_safe
@agents_only
def suggestion(request: HttpRequest, pk: UUID, suggestion_id: int) -> HttpResponse:
    conversation = conversation_or_404(request, pk)
    found = get_object_or_404(Suggestion, pk=suggestion_id, conversation=conversation)
    return _suggestion(request, conversation, found)


@require_POST
@agents_only
def translate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The message `seq` for the agent to read, or the `text` of the reply box in the customer's language.

    A message is answered with its partial, a text with the translation's.
    """
    conversation = conversation_or_404(request, pk)
    if not request.POST.get("seq"):
        text = text_of(request)
        if len(text) > MAX_CHARS:
            return HttpResponseBadRequest()
        asked = request_translation(
            conversation=conversation, target=customer_language(conversation), agent=agent_of(request), text=text
        )
        return _translation(request, conversation, asked)
    seq = seq_of(request)
    if seq is None:
        return HttpResponseBadRequest()
    message = get_object_or_404(conversation.messages, seq=seq)
    request_translation(conversation=conversation, target=reader_language(), agent=agent_of(request), message=message)
    return message_partial(request, conversation, message.seq)


@require_safe
@agents_only
def translation(request: HttpRequest, pk: UUID, translation_id: int) -> HttpResponse:
    """Partial of one translation: a message's with the whole message."""
    conversation = conversation_or_404(request, pk)
    found = get_object_or_404(
        Translation.objects.select_related("message"), pk=translation_id, conversation=conversation
    )
    if found.message is not None:
        return message_partial(request, conversation, found.message.seq)
    return _translation(request, conversation, found)


def customer_language(conversation: Conversation) -> str:
    return "zh" if conversation.language.startswith("zh") else "en"


def _suggestion(request: HttpRequest, conversation: Conversation, found: Suggestion) -> HttpResponse:
    return render(request, "desk/conversation/suggestion.html", {"conversation": conversation, "suggestion": found})


def _translation(request: HttpRequest, conversation: Conversation, found: Translation) -> HttpResponse:
    return render(request, "desk/conversation/composed.html", {"conversation": conversation, "translation": found})
