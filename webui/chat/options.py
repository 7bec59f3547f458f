"""What the chat's script is told when it starts: one JSON block, the same for our pages and for an embed."""

from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language

from webui.chat.strings import script_strings
from webui.company import Company, read_company


def chat_options(*, company: Company | None = None, **changes: Any) -> dict[str, Any]:
    """The options of `mountChat` in the active language; `changes` replace whole entries (an embed's endpoints)."""
    language = page_language()
    return {
        "strings": script_strings(),
        "language": language,
        "locale": "zh-Hans" if language == "zh-hans" else language,
        "maxChars": settings.MESSAGE_MAX_CHARS,
        "endpoints": endpoints(),
        "token": None,
        "storageKey": "kefu",
        "company": {"name": company.name, "greeting": company.greeting} if company else None,
        "features": {},
        "limits": {},
    } | changes


def endpoints(origin: str = "") -> dict[str, str]:
    """Where the script finds its doors; with `origin` (`https://chat.example`) for a page of another site."""
    paths = {
        "socket": "/ws/chat/",
        "events": reverse("chat_events"),
        "frames": reverse("chat_frames"),
        "api": "/chat/api/",
        "panel": reverse("chat_panel"),
    }
    return {name: origin + path for name, path in paths.items()}


def demo_company() -> Company | None:
    """The demo company in the active language; None where the demo is off."""
    return read_company("zh" if page_language() == "zh-hans" else "en") if settings.DEMO else None


def page_language() -> str:
    """`en` or `zh-hans`."""
    return "zh-hans" if (get_language() or "").startswith("zh") else "en"
