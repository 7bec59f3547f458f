"""The queue's address: which part of it, why, language, sentiment, dates. What can't be meant is left out."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from chatbot.conversations.models import Conversation
from chatbot.inbox.filters import day_of, midnight
from chatbot.review.models import QueueItem
from chatbot.review.queue import REASONS

AT_RISK, SAMPLE, DISPUTED = "", "sample", "disputed"
REASON_LABELS = {
    "disliked": _("Thumbs down"),
    "negative": _("Unhappy"),
    "handed_off": _("Handed off"),
    "declined": _("Declined"),
    "unsure": _("Low confidence"),
}


@dataclass(frozen=True, kw_only=True)
class QueueAddress:
    view: str = AT_RISK
    why: str = ""
    language: str = ""
    sentiment: str = ""
    since: str = ""
    until: str = ""

    @property
    def query(self) -> str:
        """As it follows an address: "" or "?why=negative&..."."""
        values = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}
        return f"?{urlencode(values)}" if values else ""

    @property
    def is_narrowed(self) -> bool:
        return bool(replace(self, view=AT_RISK).query)

    @property
    def risk_query(self) -> str:
        return replace(self, view=AT_RISK).query

    @property
    def disputed_query(self) -> str:
        return replace(self, view=DISPUTED).query

    @property
    def sample_query(self) -> str:
        return replace(self, view=SAMPLE, why="").query

    def items(self, reviewer: Any) -> QuerySet[QueueItem]:
        """What waits for this reviewer, in the order of the queue."""
        waiting = QueueItem.objects.not_yet_by(reviewer)
        parts = {SAMPLE: waiting.sampled, DISPUTED: QueueItem.objects.disputed, AT_RISK: waiting.at_risk}
        found: QuerySet[QueueItem] = parts[self.view]()
        conditions: dict[str, Any] = {f"is_{self.why}": True} if self.why else {}
        conditions |= {"language": self.language} if self.language else {}
        conditions |= {"sentiment": self.sentiment} if self.sentiment else {}
        since, until = day_of(self.since), day_of(self.until)
        conditions |= {"at__gte": midnight(since)} if since else {}
        conditions |= {"at__lt": midnight(until + timedelta(days=1))} if until else {}
        return found.filter(**conditions)


def parse_address(values: Mapping[str, str]) -> QueueAddress:
    allowed = {
        "view": [SAMPLE, DISPUTED],
        "why": REASONS,
        "language": ["en", "zh"],
        "sentiment": Conversation.Mood.values,
    }
    known = {name: values.get(name, "") for name, choices in allowed.items() if values.get(name, "") in choices}
    known |= {name: values.get(name, "") for name in ("since", "until") if day_of(values.get(name, ""))}
    if known.get("view") == SAMPLE:
        known["why"] = ""  # the sample is not to be picked over
    return QueueAddress(**known)
