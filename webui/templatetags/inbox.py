"""How the inbox's templates write languages, waiting times, agents and the address of a search's hit."""

from datetime import datetime
from typing import Any

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.html import json_script
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from chatbot.conversations.models import agent_display_name
from webui.desk.inbox.listing import before_hit
from webui.desk.rows import Row

register = template.Library()

_LANGUAGE_MARKS = {"en": "EN", "zh": "中"}
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


@register.filter
def language_mark(language: str) -> str:
    return _LANGUAGE_MARKS.get(language[:2], language[:2].upper())


@register.filter
def timesince_short(at: datetime) -> str:
    """How long ago, in its largest unit; the script goes on with it."""
    waited_s = max(int((timezone.now() - at).total_seconds()), 0)
    if waited_s < _HOUR_S:
        return _("%d min") % (waited_s // _MINUTE_S)
    return _("%d h") % (waited_s // _HOUR_S) if waited_s < 2 * _DAY_S else _("%d d") % (waited_s // _DAY_S)


@register.filter
def split_words(words: str) -> list[str]:
    return words.split()


@register.filter
def agent_label(agent: User) -> str:
    return agent_display_name(agent)


@register.simple_tag
def hit_address(row: Row, list_query: str) -> str:
    """Of the conversation, in its list; at the found message when a search found one."""
    address = reverse("desk-conversation", args=[row.conversation.pk]) + list_query
    if row.hit_seq is None:
        return address
    before = before_hit(row.conversation.last_seq, row.hit_seq)
    joined = f"{address}{'&' if '?' in address else '?'}before={before}" if before else address
    return f"{joined}#seq-{row.hit_seq}"


@register.simple_tag(takes_context=True)
def desk_texts(context: dict[str, Any]) -> SafeString:
    """The sentences and numbers of the desk's scripts, as one JSON block."""
    texts = {
        "userId": context["request"].user.pk,
        "dueS": settings.SLA_DUE_S,
        "overdueS": settings.SLA_OVERDUE_S,
        "heartbeatS": settings.PRESENCE_HEARTBEAT_S,
        "ttlS": settings.PRESENCE_TTL_S,
        "minutes": _("%d min"),
        "hours": _("%d h"),
        "days": _("%d d"),
        "isTyping": _("{name} is typing"),
        "isLooking": _("{name} is looking"),
        "changes": _("%d changes"),
        "oneChange": _("1 change"),
        "menuTitle": _("Assign, snooze, tag"),
        "filters": _("Filters"),
        "notSaved": _("That was not saved. Check the connection and try again."),
    }
    return json_script(texts, "desk-texts")
