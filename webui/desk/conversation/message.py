"""One message of the transcript as a partial: what acts on a message answers with."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from chatbot.conversations.models import Conversation
from webui.desk import transcripts


def message_partial(request: HttpRequest, conversation: Conversation, seq: int) -> HttpResponse:
    """The message of that seq with its notes, translation and review."""
    entries = transcripts.message_at(conversation, request.user, seq)
    return render(request, "desk/messages.html", {"conversation": conversation, "entries": entries})
