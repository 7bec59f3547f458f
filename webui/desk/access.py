"""Who may see the desk, and what the others are told."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.cache import never_cache

from chatbot.conversations.models import Conversation, is_agent

View = Callable[..., HttpResponse]


def agents_only(view: View) -> View:
    """Anonymous visitors log in first; people who are no agents are told so. Nothing here is cached."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if not is_agent(request.user):
            return no_access(request)
        return view(request, *args, **kwargs)

    return never_cache(checked)


def conversation_or_404(request: HttpRequest, pk: UUID) -> Conversation:
    """What this agent may open, with its customer and assignee."""
    visible = Conversation.objects.visible_to(request.user).select_related("customer", "assignee")
    return get_object_or_404(visible, pk=pk)


def no_access(request: HttpRequest) -> HttpResponse:
    """For somebody who is logged in and has no business here: says so, and offers the way out."""
    return render(request, "desk/no_access.html", {"is_agent": is_agent(request.user)}, status=403)
