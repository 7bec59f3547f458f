"""How the desk's templates write moods, actions, shares, durations and times."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

register = template.Library()

_MOODS = {"negative": _("Negative"), "neutral": _("Neutral"), "positive": _("Positive")}
_ACTIONS = {
    "answer": _("Answered"),
    "clarify": _("Asked back"),
    "decline": _("Declined"),
    "handoff": _("Handed off"),
    "smalltalk": _("Smalltalk"),
}
_AUTHORS = {"customer": _("Customer"), "bot": _("Bot"), "agent": _("Agent"), "system": _("System")}
_LANGUAGES = {"en": _("English"), "zh": _("Chinese")}
_ORIGINS = {
    "generated": _("Written by the model, supported by the sources"),
    "approved_text": _("The approved text, word for word"),
    "approved text": _("The approved text, word for word"),
    "fixed": _("A fixed sentence"),
}


@register.filter
def mood_label(mood: str) -> object:
    return _MOODS.get(mood, mood)


@register.filter
def action_label(action: str) -> object:
    return _ACTIONS.get(action, action)


@register.filter
def author_label(author: str) -> object:
    return _AUTHORS.get(author, author)


@register.filter
def language_label(language: str) -> object:
    return _LANGUAGES.get(language[:2], language)


@register.filter
def origin_label(origin: str) -> object:
    return _ORIGINS.get(origin, origin)


@register.filter
def words(name: str) -> str:
    """A stable code as words: `first_token_ms` becomes "first token"."""
    return name.removesuffix("_ms").replace("_", " ")


@register.filter
def percent(share: float | None) -> str:
    return "" if share is None else f"{share * 100:.0f}\u00a0%"


@register.filter
def seconds(duration_s: float | None) -> str:
    if duration_s is None:
        return ""
    return f"{duration_s:.1f}\u00a0s" if duration_s < 99.95 else f"{duration_s / 60:.0f}\u00a0min"


@register.simple_tag
def moment(at: datetime | None, style: str = "time") -> SafeString | str:
    """A <time>: the script writes it anew in the browser's own zone. `style`: list, time or full."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    full = date_format(local, "SHORT_DATETIME_FORMAT")
    is_today = local.date() == timezone.localdate()
    short = date_format(local, "H:i") if style == "time" or is_today else date_format(local, "j M")
    shown = full if style == "full" else short
    return format_html('<time datetime="{}" title="{}" data-style="{}">{}</time>', at.isoformat(), full, style, shown)
