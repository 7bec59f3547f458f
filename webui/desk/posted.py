"""What an agent's form brought, cut to what services take; and how an act that they refuse is answered."""

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

_CLIENT_ID_MAX_CHARS = 64
_MAX_SEQ = 2**31 - 1


def agent_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # agents_only let nobody else in
    return request.user


def text_of(request: HttpRequest) -> str:
    """Without NUL, which no database takes."""
    return request.POST.get("text", "").replace("\x00", "")


def client_id_of(request: HttpRequest) -> str:
    return request.POST.get("client_id", "")[:_CLIENT_ID_MAX_CHARS]


def seq_of(request: HttpRequest) -> int | None:
    """None when it isn't one."""
    seq = request.POST.get("seq", "")
    return int(seq) if seq.isascii() and seq.isdigit() and int(seq) <= _MAX_SEQ else None


def refuse(request: HttpRequest, pk: UUID, problem: dict[str, str], text: str, *, status: int) -> HttpResponse:
    """A script gets the problem (`X-Partial`), a form goes back to its conversation, where the text says why."""
    if "X-Partial" in request.headers:
        return JsonResponse(problem, status=status)
    messages.error(request, text)
    return redirect("desk-conversation", pk)
