"""The door of every address under /chat/api/: who asks, whether they may, and what they sent.

A customer is known as on the socket (`webui/chat/access.py`). Requests with the page's cookie are checked against
forgery; a bearer token can't be sent by another site's form, so it needs no such check.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.exceptions import RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.csrf import csrf_exempt

from chatbot.conversations.models import Conversation, Customer
from webui.chat.access import bearer_token, scope_of, visitor_of_request
from webui.chat.outside import may_chat

_BODY_MAX_BYTES = 65_536


class ApiError(Exception):
    """Answered as {"code", "problems"?} with this status."""

    def __init__(self, code: str, status: int = 400, problems: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code, self.status, self.problems = code, status, problems


def customer_api(*methods: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """The view gets `customer` as its second argument; without a session the answer is 401."""

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @csrf_exempt  # checked below, for cookies only
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method not in methods:
                return HttpResponseNotAllowed(methods)
            if bearer_token(scope_of(request)) is None and (refused := _refuse_forgery(request)):
                return refused
            try:
                visitor = visitor_of_request(request)
                if visitor is None:
                    raise ApiError("no_session", 401)
                response = view(request, visitor.customer, *args, **kwargs)
            except ApiError as error:
                body = {"code": error.code} | ({"problems": error.problems} if error.problems else {})
                response = JsonResponse(body, status=error.status)
            response.headers.setdefault("Cache-Control", "no-store")
            return response

        return guarded

    return decorate


def _refuse_forgery(request: HttpRequest) -> HttpResponse | None:
    check = CsrfViewMiddleware(lambda _: HttpResponse())
    check.process_request(request)
    return check.process_view(request, _checked_view, (), {})


def _checked_view(request: HttpRequest) -> HttpResponse:  # stands for the view, which itself is marked as exempt
    return HttpResponse()


def read_json(request: HttpRequest) -> dict[str, Any]:
    """The object in the body. Raises ApiError."""
    try:
        content = json.loads(request.body) if len(request.body) <= _BODY_MAX_BYTES else None
    except (ValueError, RecursionError, RequestDataTooBig):
        content = None
    if not isinstance(content, dict):
        raise ApiError("bad_request")
    return content


def text_of(content: dict[str, Any], name: str, max_chars: int) -> str:
    """The text under `name`, "" when there is none. Raises ApiError for anything else, or one that is too long."""
    value = content.get(name, "")
    if not isinstance(value, str) or "\x00" in value or len(value) > max_chars:
        raise ApiError("bad_request", problems={name: "too_long" if isinstance(value, str) else "invalid"})
    return value.encode("utf-8", "ignore").decode()


def own_conversation(customer: Customer, conversation_id: UUID) -> Conversation:
    """Raises Http404 for one that isn't the customer's, as for one that doesn't exist."""
    conversation = Conversation.objects.visible_to(customer).filter(pk=conversation_id).first()
    if conversation is None:
        raise Http404
    return conversation


def need_form(customer: Customer) -> None:
    """Raises ApiError while the form or the consent that the company requires is missing."""
    if not may_chat(customer):
        raise ApiError("form_required", 403)


def done(**data: Any) -> JsonResponse:
    return JsonResponse({"ok": True, **data})
