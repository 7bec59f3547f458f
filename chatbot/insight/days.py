"""Days and periods in a time zone. A day lasts from local midnight to local midnight: 23, 24 or 25 hours."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Period:
    """Whole days from `first` to `last`, both included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def num_days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def days(self) -> list[date]:
        return [self.first + timedelta(days=n) for n in range(self.num_days)]

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment that no longer belongs to it."""
        return midnight(self.last + timedelta(days=1), self.zone)

    def previous(self) -> "Period":
        """As many days, right before."""
        return Period(self.first - timedelta(days=self.num_days), self.first - timedelta(days=1), self.zone)


def last_days(num_days: int, *, now: datetime, zone: ZoneInfo) -> Period:
    """The period of `num_days` that ends today."""
    today = now.astimezone(zone).date()
    return Period(today - timedelta(days=num_days - 1), today, zone)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """In UTC. Where clocks skip midnight, the first moment of the day that exists."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def runs_of(days: list[date], zone: ZoneInfo) -> list[Period]:
    """The days, in order, as periods without gaps."""
    runs: list[Period] = []
    for day in sorted(days):
        if runs and runs[-1].last + timedelta(days=1) == day:
            runs[-1] = Period(runs[-1].first, day, zone)
        else:
            runs.append(Period(day, day, zone))
    return runs
