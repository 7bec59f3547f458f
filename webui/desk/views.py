"""An opened conversation: its page and its partials. Reads go through `transcripts`."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from chatbot.conversations.models import Conversation
from webui.desk import rows, transcripts
from webui.desk.access import agents_only, conversation_or_404
from webui.desk.inbox import listing


@require_safe
@agents_only
def conversation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The list with one transcript opened beside it."""
    opened = conversation_or_404(request, pk)
    before = _number(request, "before", opened.last_seq + 1)
    context = listing.list_context(request) | _transcript_context(request, opened, before)
    return render(request, "desk/desk.html", context | {"context": transcripts.context_of(opened)})


@require_safe
@agents_only
def messages(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Partial: messages `after` a seq, `before` one, or the one `at` it."""
    opened = conversation_or_404(request, pk)
    if "before" in request.GET:
        context = _transcript_context(request, opened, _number(request, "before", 0))
        return render(request, "desk/messages.html", context)
    if "at" in request.GET:
        found = transcripts.message_at(opened, request.user, _number(request, "at", 0))
    else:
        found = transcripts.messages_after(opened, request.user, _number(request, "after", 0))
    return render(request, "desk/messages.html", {"conversation": opened, "entries": found})


@require_safe
@agents_only
def conversation_context(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Partial: the right pane."""
    opened = conversation_or_404(request, pk)
    return render(request, "desk/context.html", {"conversation": opened, "context": transcripts.context_of(opened)})


def _transcript_context(request: HttpRequest, opened: Conversation, before: int) -> dict[str, Any]:
    entries = transcripts.messages_before(opened, request.user, before)
    first_seq = entries[0].message.seq if entries else 1
    return {
        "conversation": opened,
        "name": rows.customer_name(opened),
        "entries": entries,
        "earlier_seq": first_seq if first_seq > 1 else None,
        "later_is_missing": before <= opened.last_seq,
        "message_max_chars": settings.MESSAGE_MAX_CHARS,
    }


def _number(request: HttpRequest, name: str, default: int) -> int:
    try:
        return min(max(int(request.GET.get(name, default)), 0), 2**31 - 1)
    except ValueError as error:
        raise Http404 from error
