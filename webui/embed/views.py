"""The doors of an embedded chat: the script, its style sheet, its markup in a language, sessions and identities.

A refusal carries no secret and says why to whoever asks, so that the host's developer finds it in the console; tokens
are answered to the key's origins only. CORS for the rest is in `middleware.py`.
"""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from chatbot.conversations.models import Conversation, Customer, Message
from chatbot.sites import identity
from chatbot.sites.models import SiteKey
from chatbot.sites.services import SiteRefusedError, site_for
from chatbot.sites.sessions import embed_session_of, sign_embed_session, start_embed_session
from webui.chat.options import chat_options, demo_company, endpoints
from webui.chat.outside import session_max_age_s, token_max_age_s
from webui.compression import compress
from webui.embed.styles import style_sheet as embedded_styles

BODY_MAX_BYTES = 8192
_SCRIPT_MAX_AGE_S = 300


@require_safe
def script(request: HttpRequest) -> HttpResponse:
    """The one file that a host page names. Short-lived in caches, so that an update reaches every site soon."""
    found = finders.find("embed/embed.js")
    if not isinstance(found, str):
        raise Http404
    return _public(request, Path(found).read_text(encoding="utf-8"), "text/javascript")


@require_safe
def style_sheet(request: HttpRequest) -> HttpResponse:
    return _public(request, embedded_styles(), "text/css")


@require_safe
@never_cache
def panel(request: HttpRequest) -> HttpResponse:
    """The chat's markup, drawings and options in `?language=`. The same for every visitor; names no customer."""
    wanted = request.GET.get("language", "")
    language = wanted if wanted in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    with translation.override(language):
        company = demo_company()
        origin = _own_origin(request)
        doors = endpoints(origin) | {"panel": origin + reverse("embed_panel")}
        context = {"company": company, "max_chars": settings.MESSAGE_MAX_CHARS, "is_panel": True, "is_embedded": True}
        options = chat_options(company=company, endpoints=doors, storageKey="kefu.embed")
        content = {
            "html": render_to_string("chat/chat.html", context),
            "sprite": render_to_string("icons.html"),
            "options": options,
            "script": request.build_absolute_uri(static("chat/chat.js")),
        }
    return compress(JsonResponse(content), request)


@csrf_exempt  # no cookie is read here: nothing that a foreign page could use
@require_POST
@never_cache
def session(request: HttpRequest) -> HttpResponse:
    """Renews a session, or starts one with `"start": true`: a visitor who only reads the page leaves no row."""
    body = _read_body(request)
    try:
        site = _site_of(request, body)
    except SiteRefusedError as error:
        return _refuse(request, error.code, 403)
    customer = _customer_of(request, body, site)
    if customer is None and body.get("start") is True:
        customer, _token = start_embed_session(site=site, origin=request.headers["Origin"])
    return JsonResponse(_session_of(request, site, customer))


@csrf_exempt
@require_POST
@never_cache
def identify(request: HttpRequest) -> HttpResponse:
    """Who the visitor is, as the host's server signed it. A wrong signature changes nothing."""
    body = _read_body(request)
    try:
        site = _site_of(request, body)
        who = identity.Identity(**{part: _text(body, part) for part in ("id", "name", "email")})
        customer = identity.identify_customer(
            site=site, customer=_customer_of(request, body, site), identity=who, signature=_text(body, "hash")
        )
    except SiteRefusedError as error:
        return _refuse(request, error.code, 403)
    except identity.IdentityRefusedError as error:
        return _refuse(request, error.code, 403 if error.code == "wrong_hash" else 400)
    return JsonResponse(_session_of(request, site, customer))


def _site_of(request: HttpRequest, body: dict[str, Any]) -> SiteKey:
    return site_for(key=_text(body, "key"), origin=request.headers.get("Origin", ""))


def _customer_of(request: HttpRequest, body: dict[str, Any], site: SiteKey) -> Customer | None:
    origin = request.headers.get("Origin", "")
    found = embed_session_of(_text(body, "token"), origin=origin, max_age_s=token_max_age_s())
    return found.customer if found and found.site.pk == site.pk else None


def _session_of(request: HttpRequest, site: SiteKey, customer: Customer | None) -> dict[str, Any]:
    origin = request.headers["Origin"]
    token = sign_embed_session(customer=customer, site=site, origin=origin) if customer else None
    is_remembered = session_max_age_s() is not None
    return {"token": token, "theme": site.theme(), "is_remembered": is_remembered} | _news_of(customer)


def _news_of(customer: Customer | None) -> dict[str, Any]:
    """`unread`: what came since they looked; `is_live`: something may come any moment, so listen."""
    conversation = Conversation.objects.visible_to(customer).order_by("-created_at").first() if customer else None
    if conversation is None:
        return {"unread": 0, "is_live": False}
    newer = conversation.messages.filter(seq__gt=conversation.customer_seen_seq)
    num_unread = newer.filter(author__in=[Message.Author.BOT, Message.Author.AGENT]).count()
    is_live = conversation.needs_human or conversation.handled_by == Conversation.Handler.AGENT
    return {"unread": num_unread, "is_live": is_live or conversation.replies.unfinished().exists()}


def _refuse(request: HttpRequest, code: str, status: int) -> HttpResponse:
    told = {
        "unknown_key": _("This key isn't known here. Copy the snippet again from Sites in the admin pages."),
        "inactive_key": _("This key is turned off. An admin can turn it on again under Sites."),
        "origin_not_allowed": _("This key may not be used on this origin. Add it to the key's origins under Sites."),
        "wrong_hash": _("The hash doesn't fit this id, name and e-mail address. Nothing was changed."),
        "bad_identity": _("An identity needs an id of 1 to 128 characters, and fitting name and e-mail address."),
    }
    content = {"error": code, "detail": told[code], "origin": request.headers.get("Origin", "")}
    response = JsonResponse(content, status=status)
    response["Access-Control-Allow-Origin"] = "*"
    return response


def _read_body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object that was sent; an empty one for anything else, which every check then refuses."""
    if len(request.body) > BODY_MAX_BYTES:
        return {}
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    return value if isinstance(value, str) and "\x00" not in value else ""


def _public(request: HttpRequest, text: str, content_type: str) -> HttpResponse:
    """A file for every site: the same for everybody."""
    response = compress(HttpResponse(text, content_type=f"{content_type}; charset=utf-8"), request)
    response["Access-Control-Allow-Origin"] = "*"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Cache-Control"] = f"public, max-age={_SCRIPT_MAX_AGE_S}"
    return response


def _own_origin(request: HttpRequest) -> str:
    return f"{request.scheme}://{request.get_host()}"
