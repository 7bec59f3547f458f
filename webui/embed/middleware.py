"""CORS for the few paths that embedded chats ask, for the origins of active keys only, and never with cookies."""

from collections.abc import Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

from chatbot.sites.services import is_known_origin
from webui.chat.access import bearer_token, scope_of

PATHS = ("/chat/api/", "/chat/events/", "/chat/frames/", "/chat/attachments/", "/embed/")
_METHODS = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
_HEADERS = "Authorization, Content-Type, Accept, Last-Event-ID"
_PREFLIGHT_MAX_AGE_S = 600


class EmbedCorsMiddleware:
    """Answers preflights, marks answers as readable, and takes token-bearing requests out of the cookie CSRF check:
    a token is sent by our script only, never by the browser itself, and with one no cookie counts (`chat.access`)."""

    async_capable = sync_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest):
        if self.is_async:
            return self._answer_async(request)
        if not request.path.startswith(PATHS):
            return self.get_response(request)
        is_known = _is_known(request)
        early = _prepare(request, is_known)
        return early or _mark(self.get_response(request), request, is_known)

    async def _answer_async(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(PATHS):
            return await self.get_response(request)
        is_known = await sync_to_async(_is_known)(request)
        early = _prepare(request, is_known)
        return early or _mark(await self.get_response(request), request, is_known)


def _is_known(request: HttpRequest) -> bool:
    origin = request.headers.get("Origin", "")
    return bool(origin) and is_known_origin(origin)


def _prepare(request: HttpRequest, is_known: bool) -> HttpResponseBase | None:
    """The whole answer to a preflight; None for a request that goes on."""
    if bearer_token(scope_of(request)) is not None:
        request._dont_enforce_csrf_checks = True  # type: ignore[attr-defined]
    if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
        return None
    response = _mark(HttpResponse(status=204 if is_known else 403), request, is_known)
    if is_known:
        response["Access-Control-Allow-Methods"] = _METHODS
        response["Access-Control-Allow-Headers"] = _HEADERS
        response["Access-Control-Max-Age"] = str(_PREFLIGHT_MAX_AGE_S)
    return response


def _mark(response: HttpResponseBase, request: HttpRequest, is_known: bool) -> HttpResponseBase:
    patch_vary_headers(response, ["Origin"])
    if is_known:
        response["Access-Control-Allow-Origin"] = request.headers["Origin"]
    return response
