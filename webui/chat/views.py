"""The pages with the chat: the company's page with its panel, and the chat alone. The messages come over the socket."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from chatbot.conversations.sessions import customer_of, sign_session, start_session
from webui.chat.options import chat_options, demo_company
from webui.chat.outside import session_max_age_s, token_max_age_s


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


@require_safe
@never_cache
def panel(request: HttpRequest) -> HttpResponse:
    """The chat's markup and options in the language asked for; `?panel=1` for the form that lies over a page.

    Remembers the language as the page's switch does, so that the next page speaks it too.
    """
    language = translation.get_supported_language_variant(_known_language(request.GET.get("language", "")))
    with translation.override(language):
        company = demo_company()
        context = {"company": company, "max_chars": settings.MESSAGE_MAX_CHARS, "is_panel": "panel" in request.GET}
        html = render_to_string("chat/chat.html", context, request)
        response = JsonResponse({"html": html, "options": chat_options(company=company)})
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, language, max_age=365 * 24 * 3600, samesite="Lax")
    return response


def _known_language(wanted: str) -> str:
    return wanted if wanted in dict(settings.LANGUAGES) else translation.get_language() or settings.LANGUAGE_CODE


def _render_chat(request: HttpRequest, template: str) -> HttpResponse:
    company = demo_company()
    context = {
        "company": company,
        "options": chat_options(company=company),
        "max_chars": settings.MESSAGE_MAX_CHARS,
    }
    response = render(request, template, context)
    _renew_session(request, response)
    return response


def _renew_session(request: HttpRequest, response: HttpResponse) -> None:
    """Sets the customer's cookie, with a fresh signature and the whole time ahead of it."""
    customer = customer_of(request.COOKIES.get(settings.CUSTOMER_SESSION_COOKIE), max_age_s=token_max_age_s())
    token = sign_session(customer) if customer else start_session()[1]
    response.set_cookie(
        settings.CUSTOMER_SESSION_COOKIE,
        token,
        max_age=session_max_age_s(),
        httponly=True,
        samesite="Lax",
        secure=settings.IS_HTTPS,
    )
