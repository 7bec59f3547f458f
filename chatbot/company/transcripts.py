"""A conversation as a document for its customer, in their language: plain text, one HTML file, or JSON.

Holds what the customer saw and nothing else: no sentiment, no confidence, no notes.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone, translation
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext as _

from chatbot.company.services import get_settings
from chatbot.conversations.models import Conversation, Message


def django_language(language: str) -> str:
    return "zh-hans" if language.startswith("zh") else "en"


def transcript_text(conversation: Conversation, language: str) -> str:
    with translation.override(django_language(language)), timezone.override(ZoneInfo(get_settings().time_zone)):
        lines = [_title(), _line_of_times(conversation), ""]
        for message in _messages(conversation):
            lines += [f"[{_time(message.created_at)}] {speaker(message)}", *_content_lines(message), ""]
        return "\n".join(lines)


def transcript_html(conversation: Conversation, language: str) -> str:
    """One file without scripts, styles of others or pictures; every text escaped."""
    with translation.override(django_language(language)), timezone.override(ZoneInfo(get_settings().time_zone)):
        rows = format_html_join(
            "\n",
            "<li><p><b>{}</b> <time datetime='{}'>{}</time></p><p class='text'>{}</p></li>",
            (
                (speaker(one), one.created_at.isoformat(), _time(one.created_at), "\n".join(_content_lines(one)))
                for one in _messages(conversation)
            ),
        )
        return format_html(
            "<!doctype html><html lang='{}'><head><meta charset='utf-8'><title>{}</title>"
            "<meta name='viewport' content='width=device-width'><style>body{{font:16px/1.5 system-ui,sans-serif;"
            "max-width:44em;margin:2em auto;padding:0 1em}}ol{{list-style:none;padding:0}}li{{margin:0 0 1em;"
            "padding:0 0 1em;border-bottom:1px solid #ddd}}p{{margin:0}}time{{color:#666;font-size:.85em}}"
            ".text{{white-space:pre-wrap;overflow-wrap:anywhere}}</style></head>"
            "<body><h1>{}</h1><p>{}</p><ol>{}</ol></body></html>",
            "zh-Hans" if language.startswith("zh") else "en",
            _title(),
            _title(),
            _line_of_times(conversation),
            rows,
        )


def transcript_json(conversation: Conversation) -> dict[str, Any]:
    """The messages as facts, in no language: for machines."""
    return {
        "conversation_id": str(conversation.pk),
        "started_at": conversation.created_at.isoformat(),
        "messages": [
            {
                "seq": message.seq,
                "author": message.author,
                "kind": message.kind,
                "agent_name": message.agent_name,
                "text": message.text,
                "files": [attachment["name"] for attachment in message.attachments],
                "at": message.created_at.isoformat(),
            }
            for message in _messages(conversation)
        ],
    }


def speaker(message: Message) -> str:
    names = {"customer": _("You"), "bot": _("Chatbot"), "system": _("Note")}
    return names.get(message.author) or message.agent_name or _("Our team")


def system_text(message: Message) -> str:
    """What a system message says to the customer."""
    name = message.agent_name or _("Our team")
    words: dict[str, Callable[[], str]] = {
        "taken_over": lambda: _("%(name)s is answering now.") % {"name": name},
        "handed_back": lambda: _("The chatbot is answering again."),
        "handoff_requested": lambda: _("You asked for a person."),
        "stopped": lambda: _("You stopped the answer."),
        "closed": lambda: _("The conversation was closed."),
        "reopened": lambda: _("The conversation was opened again."),
        "left_message": lambda: _("You left a message. We answer it as soon as we are back."),
    }
    return words[message.kind]() if message.kind in words else message.text


def _content_lines(message: Message) -> list[str]:
    text = system_text(message) if message.author == Message.Author.SYSTEM else message.text
    files = [_("File: %(name)s") % {"name": attachment["name"]} for attachment in message.attachments]
    return ([text] if text else []) + files


def _messages(conversation: Conversation) -> list[Message]:
    return list(conversation.messages.order_by("seq"))


def _title() -> str:
    return _("Transcript of your chat")


def _line_of_times(conversation: Conversation) -> str:
    return _("Begun %(start)s. Times are those of %(zone)s.") % {
        "start": _time(conversation.created_at),
        "zone": timezone.get_current_timezone_name(),
    }


def _time(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")
