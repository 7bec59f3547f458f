"""What the page shows, as its address says. Unknown values fall back to the widest."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone

from chatbot.insight.days import Period, last_days
from chatbot.insight.reading import Filters

RANGES = (7, 30, 90)
DEFAULT_RANGE = 30
_MAX_CHARS = 100


@dataclass(frozen=True)
class Query:
    num_days: int
    filters: Filters

    def period(self, now: datetime) -> Period:
        zone: Any = timezone.get_default_timezone()
        return last_days(self.num_days, now=now, zone=zone)

    @property
    def is_narrowed(self) -> bool:
        return self.filters != Filters()

    def encoded(self, **changes: object) -> str:
        """As the address has it, with changes; defaults are left out."""
        parts = {
            "days": self.num_days if self.num_days != DEFAULT_RANGE else "",
            "language": self.filters.language,
            "version": self.filters.model_version,
            "topic": self.filters.topic,
        } | changes
        return urlencode({name: value for name, value in parts.items() if value not in ("", DEFAULT_RANGE)})


def parse(address: QueryDict) -> Query:
    days = address.get("days", "")
    num_days = int(days) if days in {str(num) for num in RANGES} else DEFAULT_RANGE
    language, version, topic = (address.get(name, "")[:_MAX_CHARS] for name in ("language", "version", "topic"))
    return Query(num_days, Filters(language=language, model_version=version, topic=topic))
