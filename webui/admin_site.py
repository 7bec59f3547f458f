"""The admin site itself: who may enter, where one logs in, and how it looks."""

import copy
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.templatetags.static import static
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from unfold.settings import CONFIG_DEFAULTS
from unfold.sites import UnfoldAdminSite

from chatbot.conversations.models import is_admin
from webui.desk.access import no_access

_HUE = 195  # the accent of the whole site (webui/static/webui/tokens.css), as the admin theme wants it
_ACCENT = {
    weight: f"oklch({lightness}% {chroma} {_HUE})"
    for weight, lightness, chroma in [
        ("50", 97.5, 0.012),
        ("100", 94, 0.028),
        ("200", 90, 0.04),
        ("300", 84, 0.06),
        ("400", 78, 0.085),
        ("500", 72, 0.09),
        ("600", 50, 0.09),
        ("700", 44, 0.08),
        ("800", 38, 0.065),
        ("900", 32, 0.05),
        ("950", 24, 0.04),
    ]
}


class KefuAdminSite(UnfoldAdminSite):
    """Membership of the admins group decides, not `is_staff`. One log-in page serves the whole site."""

    index_title = _("Answers")

    def has_permission(self, request: HttpRequest) -> bool:
        """Asked many times for one page, so remembered with the request."""
        known: bool | None = getattr(request, "_is_admin", None)
        if known is None:
            known = request._is_admin = is_admin(request.user)  # type: ignore[attr-defined]
        return known

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        inner = super().admin_view(view, cacheable)

        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                return no_access(request)
            return inner(request, *args, **kwargs)

        return checked

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        target = request.GET.get(REDIRECT_FIELD_NAME) or reverse("admin:index")
        return redirect_to_login(target)

    def logout(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        response = super().logout(request, extra_context)
        return redirect(resolve_url(settings.LOGIN_URL)) if request.method == "POST" else response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one thing to come for."""
        return redirect("admin:knowledge_answer_changelist")

    def _get_list(self, key: str, *args: Any) -> list[Any]:
        return [static("desk/admin.css")] if key == "STYLES" else super()._get_list(key, *args)

    def _get_config(self, key: str, *args: Any) -> Any:
        return copy.deepcopy(_look()[key]) if key in _look() else super()._get_config(key, *args)


def _look() -> dict[str, Any]:
    return {
        "SITE_TITLE": _("Answers"),
        "SITE_HEADER": "Kefu",
        "SITE_SUBHEADER": _("Answers"),
        "SITE_URL": reverse("desk"),
        "SITE_SYMBOL": "forum",
        "BORDER_RADIUS": "6px",
        "SHOW_HISTORY": True,
        "SHOW_VIEW_ON_SITE": True,
        "SHOW_BACK_BUTTON": True,
        "COLORS": {**CONFIG_DEFAULTS["COLORS"], "primary": _ACCENT},
        "SIDEBAR": {
            "show_search": False,
            "command_search": False,
            "show_all_applications": False,
            "navigation": _navigation(),
        },
    }


def _navigation() -> list[dict[str, Any]]:
    def link(title: object, icon: str, address: str, **more: Any) -> dict[str, Any]:
        return {"title": title, "icon": icon, "link": reverse(address), **more}

    def is_superuser(request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))

    return [
        {
            "title": _("Knowledge"),
            "items": [
                link(_("Answers"), "quiz", "admin:knowledge_answer_changelist", active=_is_at("answer", "import")),
                link(_("Drafts"), "rate_review", "admin:knowledge_answerdraft_changelist"),
                link(_("Import from CSV"), "upload", "admin:knowledge_answer_import_file"),
                link(_("Versions"), "history", "admin:knowledge_answerversion_changelist"),
            ],
        },
        {
            "title": _("Chat"),
            "items": [
                link(_("Chat settings"), "tune", "admin:company_companysettings_changelist"),
                link(_("Sites"), "code", "admin:sites_sitekey_changelist"),
            ],
        },
        {
            "title": _("People"),
            "items": [
                link(_("Users"), "person", "admin:auth_user_changelist", permission=is_superuser),
                link(_("Groups"), "group", "admin:auth_group_changelist", permission=is_superuser),
            ],
        },
        {"title": None, "separator": True, "items": [link(_("Back to the desk"), "inbox", "desk")]},
    ]


def _is_at(model: str, but_not: str) -> Callable[[HttpRequest], bool]:
    return lambda request: f"/{model}/" in request.path and f"/{but_not}/" not in request.path


site = KefuAdminSite()
