"""The pages with the chat: the company's page with its panel, and the chat alone. The messages come over the socket."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from chatbot.conversations.sessions import customer_of, sign_session, start_session
from webui.chat.strings import script_strings
from webui.company import Company, read_company


@require_safe
@never_cache
@ensure_csrf_cookie
def home(request: HttpRequest) -> HttpResponse:
    """The demo company's page; without the demo, a page that says what runs here and where."""
    if not settings.DEMO:
        return render(request, "chat/plain_home.html")
    return _render_chat(request, "chat/home.html")


@require_safe
@never_cache
@ensure_csrf_cookie
def full_page(request: HttpRequest) -> HttpResponse:
    return _render_chat(request, "chat/full_page.html")


def _render_chat(request: HttpRequest, template: str) -> HttpResponse:
    context = {
        "company": _company(),
        "strings": script_strings(),
        "max_chars": settings.MESSAGE_MAX_CHARS,
    }
    response = render(request, template, context)
    _renew_session(request, response)
    return response


def _company() -> Company | None:
    return read_company("zh" if (get_language() or "").startswith("zh") else "en") if settings.DEMO else None


def _renew_session(request: HttpRequest, response: HttpResponse) -> None:
    """Sets the customer's cookie, with a fresh signature and the whole time ahead of it."""
    customer = customer_of(request.COOKIES.get(settings.CUSTOMER_SESSION_COOKIE))
    token = sign_session(customer) if customer else start_session()[1]
    response.set_cookie(
        settings.CUSTOMER_SESSION_COOKIE,
        token,
        max_age=settings.CUSTOMER_SESSION_MAX_AGE_S,
        httponly=True,
        samesite="Lax",
        secure=settings.IS_HTTPS,
    )
