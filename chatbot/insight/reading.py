"""The counts of a period: kept days from the roll-up, today and days that aren't kept yet counted at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Min, QuerySet

from chatbot.conversations.models import Message
from chatbot.insight.counting import SAMPLES, Counts, SliceKey, count
from chatbot.insight.days import Period, runs_of
from chatbot.insight.models import DaySlice, RolledDay
from chatbot.knowledge.models import Answer


@dataclass(frozen=True)
class Filters:
    """What to count; "" doesn't narrow."""

    language: str = ""
    model_version: str = ""
    topic: str = ""

    def matches(self, key: SliceKey) -> bool:
        return (
            key.topic == self.topic
            and self.language in ("", key.language)
            and self.model_version in ("", key.model_version)
        )


@dataclass(frozen=True)
class CountedSlice:
    day: date
    key: SliceKey
    counts: Counts


@dataclass(frozen=True)
class Choices:
    """What the filters can be set to."""

    languages: list[str]
    model_versions: list[str]
    topics: list[str]


def read(period: Period, filters: Filters, *, now: datetime) -> list[CountedSlice]:
    """Every matching slice of the period, by day. Without the roll-up it is right too, only slower."""
    kept = RolledDay.objects.filter(zone=period.zone.key, day__gte=period.first, day__lte=period.last)
    today = now.astimezone(period.zone).date()
    kept_days = {day for day in kept.values_list("day", flat=True) if day != today}
    rows = _kept_rows(period, filters).values_list("rolled_day__day", "language", "model_version", "topic", "counts")
    found = [
        CountedSlice(day, SliceKey(language, version, topic), counts)
        for day, language, version, topic, counts in rows
        if day in kept_days
    ]
    return sorted([*found, *_counted_now(period, kept_days, filters)], key=lambda counted: counted.day)


def _kept_rows(period: Period, filters: Filters) -> QuerySet[DaySlice]:
    rows = DaySlice.objects.filter(
        rolled_day__zone=period.zone.key,
        rolled_day__day__gte=period.first,
        rolled_day__day__lte=period.last,
        topic=filters.topic,
    )
    if filters.language:
        rows = rows.filter(language=filters.language)
    if filters.model_version:
        rows = rows.filter(model_version=filters.model_version)
    return rows


def _counted_now(period: Period, kept_days: set[date], filters: Filters) -> Iterable[CountedSlice]:
    first = Message.objects.aggregate(first=Min("created_at"))["first"]
    if first is None:
        return
    first_day = first.astimezone(period.zone).date()
    for run in runs_of([day for day in period.days if day >= first_day and day not in kept_days], period.zone):
        for day, slices in count(run).items():
            yield from (CountedSlice(day, key, counts) for key, counts in slices.items() if filters.matches(key))


def merge(slices: Iterable[CountedSlice]) -> Counts:
    """Their sum. Of samples any one is as good as another."""
    merged: Counts = {}
    for counted in slices:
        for group, numbers in counted.counts.items():
            target = merged.setdefault(group, {})
            if group == SAMPLES:
                target.update(numbers)
                continue
            for key, num in numbers.items():
                target[key] = target.get(key, 0) + num
    return merged


def choices(slices: Iterable[CountedSlice]) -> Choices:
    """What the filters can be set to: versions of kept days and of `slices`, topics of the answers as of now."""
    kept = DaySlice.objects.filter(topic="").values_list("model_version", flat=True).distinct()
    tags = Answer.objects.values_list("tags", flat=True)
    return Choices(
        languages=list(Answer.Language.values),
        model_versions=sorted({*kept, *(counted.key.model_version for counted in slices)} - {""}),
        topics=sorted({tag for of_answer in tags for tag in of_answer}),
    )
