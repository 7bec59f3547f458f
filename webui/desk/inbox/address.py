"""A list's address: its view, words, filters and page, read from a query string and written back to one.

Everything that decides what a list shows is in the address, so a list can be bookmarked, sent and saved.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from chatbot.conversations.models import agent_display_name
from chatbot.inbox import boxes, search
from chatbot.inbox.filters import Filters, parse_filters
from webui.templatetags.desk import action_label, language_label, mood_label

DEFAULT_BOX = boxes.OPEN
BOX_LABELS = {
    boxes.WAITING: _lazy("Waiting"),
    boxes.UNHAPPY: _lazy("Unhappy"),
    boxes.MINE: _lazy("Mine"),
    boxes.UNASSIGNED: _lazy("Unassigned"),
    boxes.OPEN: _lazy("Open"),
    boxes.MENTIONED: _lazy("Mentions of you"),
    boxes.SNOOZED: _lazy("Snoozed"),
    boxes.CLOSED: _lazy("Closed"),
    boxes.ALL: _lazy("All"),
}
RATING_LABELS = {
    "up": _lazy("Thumb up"),
    "down": _lazy("Thumb down"),
    "low": _lazy("1 or 2 stars"),
    "1": _lazy("1 star"),
    "2": _lazy("2 stars"),
    "3": _lazy("3 stars"),
    "4": _lazy("4 stars"),
    "5": _lazy("5 stars"),
}
STATUS_LABELS = {"open": _lazy("Open"), "closed": _lazy("Closed")}


@dataclass(frozen=True)
class Chip:
    """A filter that is on: what it says, and the address without it."""

    name: str
    label: str
    query_without: str


@dataclass(frozen=True, kw_only=True)
class ListAddress:
    """`box` of the inbox, `q` what to search for, `cursor` where the page begins."""

    box: str = DEFAULT_BOX
    q: str = ""
    filters: Filters = field(default_factory=Filters)
    cursor: str = ""

    @property
    def words(self) -> search.Words:
        return search.words_of(self.q)

    @property
    def is_search(self) -> bool:
        return bool(self.words)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.filters) or bool(self.q)

    def values(self) -> dict[str, str]:
        own = {"view": self.box if self.box != DEFAULT_BOX else "", "q": self.q}
        filters = {one.name: getattr(self.filters, one.name) for one in fields(Filters)}
        return {name: value for name, value in (own | filters).items() if value}

    @property
    def query(self) -> str:
        """As it follows an address: "" or "?view=mine&..."; without the page."""
        return _query(self.values())

    def query_at(self, cursor: str) -> str:
        return _query(self.values() | {"cursor": cursor})

    def query_in(self, box: str) -> str:
        return replace(self, box=box, q="", filters=Filters(), cursor="").query

    def chips(self, agents: Mapping[int, User]) -> list[Chip]:
        """One for each filter that is on, the search's words first."""
        chips = [Chip("q", f"“{self.q}”", self._without("q"))] if self.q else []
        for one in fields(Filters):
            value = getattr(self.filters, one.name)
            if value:
                chips.append(Chip(one.name, _chip_label(one.name, value, agents), self._without(one.name)))
        return chips

    def _without(self, name: str) -> str:
        return _query({key: value for key, value in self.values().items() if key != name})


def parse_address(values: Mapping[str, str]) -> ListAddress:
    """The list that an address asks for; what it can't mean is left out."""
    box = values.get("view", "")
    return ListAddress(
        box=box if box in boxes.BOXES else DEFAULT_BOX,
        q=" ".join(values.get("q", "").split())[: search.MAX_QUERY_CHARS],
        filters=parse_filters({name: values.get(name, "") for name in values}),
        cursor=values.get("cursor", ""),
    )


def _query(values: dict[str, str]) -> str:
    return f"?{urlencode(values)}" if values else ""


def _chip_label(name: str, value: str, agents: Mapping[int, User]) -> str:
    if name == "agent":
        agent = agents.get(int(value))
        value = agent_display_name(agent) if agent else value
    labels: dict[str, Any] = {
        "since": _("From %s"),
        "until": _("Until %s"),
        "answer": _("Answer: %s"),
        "model": _("Model: %s"),
        "tag": _("Tag: %s"),
        "agent": _("Agent: %s"),
    }
    if name in labels:
        return str(labels[name]) % value
    return str(_value_label(name, value))


def _value_label(name: str, value: str) -> object:
    match name:
        case "mood":
            return mood_label(value)
        case "action":
            return action_label(value)
        case "language":
            return language_label(value)
        case "rating":
            return RATING_LABELS[value]
    return STATUS_LABELS[value]
