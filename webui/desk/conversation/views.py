"""An agent's acts in a conversation, as POST routes. The rules are in `chatbot.conversations.handling`.

A script gets the composer's head anew (`X-Partial`), a form without a script goes back to the conversation. When
somebody else answers this customer, nothing is changed and the answer is 409 with their name.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.conversations import handling
from chatbot.conversations.models import Conversation
from chatbot.conversations.services import MessageRefusedError
from chatbot.notes import services as notes
from webui.desk.access import agents_only, conversation_or_404
from webui.desk.posted import client_id_of, refuse, seq_of, text_of


@require_safe
@agents_only
def hands(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Partial: who answers, and what this agent can do about it."""
    return _hands(request, conversation_or_404(request, pk))


def _act(change: Callable[[HttpRequest, Conversation], Any]) -> Callable[..., HttpResponse]:
    @require_POST
    @agents_only
    @wraps(change)
    def view(request: HttpRequest, pk: UUID) -> HttpResponse:
        conversation = conversation_or_404(request, pk)
        try:
            change(request, conversation)
        except handling.TakenByOtherError as error:
            return _refuse(request, pk, {"code": "taken", "agent_name": error.agent_name}, 409)
        except handling.NothingToUndoError:
            return _refuse(request, pk, {"code": "nothing_to_undo"}, 409)
        except MessageRefusedError as error:
            return _refuse(request, pk, {"code": error.code}, 400)
        if "X-Partial" in request.headers:
            return _hands(request, conversation_or_404(request, pk))
        return redirect("desk-conversation", pk)

    return view


@_act
def take_over(request: HttpRequest, conversation: Conversation) -> None:
    """The agent answers from now on; with `force` also when somebody else does."""
    handling.take_over(conversation=conversation, agent=request.user, is_forced="force" in request.POST)


@_act
def hand_back(request: HttpRequest, conversation: Conversation) -> None:
    handling.hand_back(conversation=conversation, agent=request.user)


@_act
def close(request: HttpRequest, conversation: Conversation) -> None:
    handling.close(conversation=conversation, agent=request.user)


@_act
def reopen(request: HttpRequest, conversation: Conversation) -> None:
    handling.reopen(conversation=conversation, agent=request.user)


@_act
def undo(request: HttpRequest, conversation: Conversation) -> None:
    """Takes this agent's latest act back."""
    handling.undo(conversation=conversation, agent=request.user)


@_act
def say(request: HttpRequest, conversation: Conversation) -> None:
    """Sends `text` to the customer, once per `client_id`; writing takes over."""
    handling.send_agent_message(
        conversation=conversation,
        agent=request.user,
        text=text_of(request),
        client_id=client_id_of(request),
    )


@require_POST
@agents_only
def seen(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The agent has had everything up to `seq` in view, and the notes; only who answers tells the customer so."""
    conversation = conversation_or_404(request, pk)
    seq = seq_of(request)
    if seq is None:
        return HttpResponseBadRequest()
    if conversation.handled_by == Conversation.Handler.AGENT and conversation.assignee_id == request.user.pk:
        handling.mark_seen_by_agent(conversation=conversation, seq=seq)
    notes.mark_mentions_seen(conversation=conversation, agent=request.user)
    return HttpResponse(status=204)


def _hands(request: HttpRequest, conversation: Conversation) -> HttpResponse:
    return render(request, "desk/conversation/hands.html", {"conversation": conversation})


def _refuse(request: HttpRequest, pk: UUID, problem: dict[str, str], status: int) -> HttpResponse:
    return refuse(request, pk, problem, _refusal_text(problem), status=status)


def _refusal_text(problem: dict[str, str]) -> str:
    if problem["code"] == "taken":
        return _("%(name)s answers this customer. Nothing was sent.") % {"name": problem["agent_name"]}
    if problem["code"] == "nothing_to_undo":
        return _("It is too late to undo that: somebody has gone on since.")
    if problem["code"] == "too_long":
        return _("That is too long. Nothing was sent; shorten it and send it again.")
    return _("There is nothing to send yet. Write an answer first.")
