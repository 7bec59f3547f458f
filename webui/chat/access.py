"""Who a customer is, from what their browser sends: the same for sockets and HTTP requests. Knows no frames.

Our own pages send a cookie. A page of another site sends a bearer token: in the Authorization header over HTTP, as a
subprotocol over a WebSocket; it counts only together with the origin that it was signed for. Whoever sends a token is
never taken for the owner of a cookie.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import validate_host

from chatbot.conversations.models import Customer
from chatbot.conversations.sessions import customer_of
from chatbot.sites.sessions import embed_session_of
from webui.chat.outside import token_max_age_s

SUBPROTOCOL = "kefu"
_TOKEN_PREFIX = f"{SUBPROTOCOL}.token."
_BEARER = "bearer "


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A customer and the token that proved it; asked again from time to time (`is_still_valid`)."""

    customer: Customer
    token: str
    site_key: str = ""
    origin: str = ""


def visitor_of(scope: Mapping[str, Any]) -> Visitor | None:
    """The customer behind an ASGI scope; None without a valid session. Asks the database."""
    token = bearer_token(scope)
    if token is not None:
        return _embedded_visitor(token, _origin_of(scope))
    if not is_own_page(scope):
        return None
    token = _cookie(scope, settings.CUSTOMER_SESSION_COOKIE)
    customer = customer_of(token, max_age_s=token_max_age_s())
    return Visitor(customer=customer, token=token) if customer else None


def visitor_of_request(request: HttpRequest) -> Visitor | None:
    """The same for a Django request, whichever server it came through."""
    return visitor_of(scope_of(request))


def is_still_valid(visitor: Visitor) -> bool:
    """Whether the session would be accepted now: key, origin and customer are asked again. Asks the database."""
    if visitor.site_key:
        found = _embedded_visitor(visitor.token, visitor.origin)
        return found is not None and found.customer.pk == visitor.customer.pk
    customer = customer_of(visitor.token, max_age_s=token_max_age_s())
    return customer is not None and customer.pk == visitor.customer.pk


def bearer_token(scope: Mapping[str, Any]) -> str | None:
    """The token that was sent, right or wrong; None: none was sent, and cookies count."""
    for protocol in scope.get("subprotocols", ()):
        if protocol.startswith(_TOKEN_PREFIX):
            return _from_base64url(protocol.removeprefix(_TOKEN_PREFIX))
    header = _header(scope, b"authorization")
    return header[len(_BEARER) :].strip() if header.lower().startswith(_BEARER) else None


def is_own_page(scope: Mapping[str, Any]) -> bool:
    """Whether the page that asks is one of ours, by its Origin (browsers send none with a GET to their own site)."""
    origin = _header(scope, b"origin")
    if not origin:
        return True
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return validate_host(host if ":" not in host else f"[{host}]", settings.ALLOWED_HOSTS or ["localhost", "127.0.0.1"])


def scope_of(request: HttpRequest) -> Mapping[str, Any]:
    """The ASGI scope of a request, or what of one is needed here, made from a WSGI environment."""
    scope = getattr(request, "scope", None)
    if scope is not None:
        return scope
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]
    return {"type": "http", "scheme": request.scheme, "headers": headers, "subprotocols": []}


def _embedded_visitor(token: str, origin: str) -> Visitor | None:
    session = embed_session_of(token, origin=origin, max_age_s=token_max_age_s())
    if session is None:
        return None
    return Visitor(customer=session.customer, token=token, site_key=session.site.key, origin=session.origin)


def _origin_of(scope: Mapping[str, Any]) -> str:
    """The asking page's origin; a GET to one's own site has no Origin header, and then it is this host's."""
    if origin := _header(scope, b"origin"):
        return origin
    scheme = {"ws": "http", "wss": "https"}.get(scope.get("scheme", "http"), scope.get("scheme", "http"))
    return f"{'https' if settings.IS_HTTPS else scheme}://{_header(scope, b'host')}"


def _header(scope: Mapping[str, Any], wanted: bytes) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == wanted), "")


def _from_base64url(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


def _cookie(scope: Mapping[str, Any], name: str) -> str:
    try:
        morsel = SimpleCookie(_header(scope, b"cookie")).get(name)
    except CookieError:
        return ""
    return morsel.value if morsel else ""
