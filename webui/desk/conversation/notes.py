"""Internal notes, as POST routes. The rules are in `chatbot.notes.services`.

A script gets the message that the note stands below, with all its notes (`X-Partial`).
"""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chatbot.conversations.models import Conversation
from chatbot.notes import services
from chatbot.notes.models import Note
from webui.desk.access import agents_only, conversation_or_404
from webui.desk.conversation.message import message_partial
from webui.desk.posted import agent_of, client_id_of, refuse, text_of


@require_POST
@agents_only
def add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`text`, once per `client_id`. @name in it tells that colleague."""
    conversation = conversation_or_404(request, pk)
    try:
        note = services.add_note(
            conversation=conversation,
            author=agent_of(request),
            text=text_of(request),
            client_id=client_id_of(request),
        )
    except services.NoteRefusedError as error:
        return refuse(request, pk, {"code": error.code}, _refusal_text(error.code), status=400)
    return _answer(request, conversation, note)


@require_POST
@agents_only
def change(request: HttpRequest, pk: UUID, note_id: int) -> HttpResponse:
    """`do`: edit (with `text`), delete or restore. Only one's own notes."""
    conversation = conversation_or_404(request, pk)
    notes = Note.objects.visible_to(request.user).filter(conversation=conversation)
    note = get_object_or_404(notes, pk=note_id)
    try:
        match request.POST.get("do"):
            case "delete":
                services.delete_note(note=note, by=agent_of(request))
            case "restore":
                services.restore_note(note=note, by=agent_of(request))
            case _:
                services.edit_note(note=note, editor=agent_of(request), text=text_of(request))
    except services.NoteRefusedError as error:
        return refuse(request, pk, {"code": error.code}, _refusal_text(error.code), status=400)
    return _answer(request, conversation, note)


def _answer(request: HttpRequest, conversation: Conversation, note: Note) -> HttpResponse:
    if "X-Partial" in request.headers:
        return message_partial(request, conversation, max(note.after_seq, 1))
    return redirect("desk-conversation", conversation.pk)


def _refusal_text(code: str) -> str:
    if code == "not_yours":
        return _("Only who wrote a note can change it.")
    if code == "too_long":
        return _("That note is too long. It was not saved; shorten it.")
    return _("There is nothing in the note yet.")
