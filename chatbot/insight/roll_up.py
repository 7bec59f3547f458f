"""Keeps the counts of finished days, and corrects them when something came late. Run by a beat task.

Each run counts, newest first: days on which a conversation changed since the last run (messages that were written or
imported, ratings), days that were never counted, and the few days whose count is oldest. So whatever leaves no trace
(a deletion, a sentiment that was scored late, an answer with another tag) is right again after the days came round.
Safe to run at any time, twice, and by several workers at once.
"""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import F, Max, Min
from django.utils import timezone

from chatbot.conversations.models import Conversation, Message, Reply
from chatbot.insight.counting import DayCounts, count
from chatbot.insight.days import Period, midnight, runs_of
from chatbot.insight.models import DaySlice, RolledDay, RollUpState

MAX_DAYS_PER_RUN = 60
NUM_OLDEST_PER_RUN = 5
_OVERLAP = timedelta(minutes=30)  # sentiment comes after the message; transactions end out of order
_OVERLAP_IDS = 200
_RUN_DAYS = 10  # counted at once: bounds the memory


def roll_up(*, zone: ZoneInfo, now: datetime | None = None, max_days: int = MAX_DAYS_PER_RUN) -> list[date]:
    """Counts what a run counts; returns the days. Today is never kept: it isn't over."""
    now = now or timezone.now()
    today = now.astimezone(zone).date()
    newest_id = Message.objects.aggregate(newest=Max("pk"))["newest"] or 0
    touched = _touched_days(zone)
    missing = _missing_days(zone, today)
    oldest = RolledDay.objects.filter(zone=zone.key).order_by("counted_at").values_list("day", flat=True)
    due = sorted({*touched, *missing} - {today}, reverse=True)[:max_days]
    days = sorted({*due, *oldest[:NUM_OLDEST_PER_RUN]} - {today})
    _forget(zone, touched - {*days})
    for run in runs_of(days, zone):
        for first in run.days[::_RUN_DAYS]:
            keep_days(Period(first, min(first + timedelta(days=_RUN_DAYS - 1), run.last), zone), now=now)
    RollUpState.objects.update_or_create(zone=zone.key, defaults={"last_message_id": newest_id, "ran_at": now})
    return days


def keep_days(period: Period, *, now: datetime | None = None) -> None:
    """Counts every day of the period and replaces what was kept of it."""
    counted = count(period)
    for day in period.days:
        _keep(day, period.zone, counted.get(day, {}), now or timezone.now())


@transaction.atomic
def _keep(day: date, zone: ZoneInfo, counts: DayCounts, now: datetime) -> None:
    RolledDay.objects.get_or_create(day=day, zone=zone.key, defaults={"counted_at": now})
    rolled = RolledDay.objects.select_for_update().get(day=day, zone=zone.key)  # two workers: one after the other
    rolled.slices.all().delete()
    DaySlice.objects.bulk_create(
        DaySlice(
            rolled_day=rolled,
            language=key.language,
            model_version=key.model_version,
            topic=key.topic,
            counts=groups,
        )
        for key, groups in counts.items()
    )
    RolledDay.objects.filter(pk=rolled.pk).update(counted_at=now)


def _forget(zone: ZoneInfo, days: set[date]) -> None:
    """Touched days beyond this run's limit: no count rather than a wrong one; later runs take them as missing."""
    RolledDay.objects.filter(zone=zone.key, day__in=days).delete()


def _touched_days(zone: ZoneInfo) -> set[date]:
    """The days of every message of each conversation that changed since the last run."""
    state = RollUpState.objects.filter(zone=zone.key).first()
    if state is None:
        return set()
    since = state.ran_at - _OVERLAP
    touched: set[date] = set()
    changes: list[Any] = [
        Message.objects.filter(pk__gt=state.last_message_id - _OVERLAP_IDS).values("conversation"),
        Message.objects.filter(created_at__gte=since).values("conversation"),
        Reply.objects.filter(rated_at__gte=since).values("conversation"),
        Conversation.objects.filter(rated_at__gte=since).annotate(conversation=F("pk")).values("conversation"),
    ]
    for changed in changes:
        moments = Message.objects.filter(conversation__in=changed).values_list("created_at", flat=True)
        touched |= {at.astimezone(zone).date() for at in moments.iterator()}
    return touched


def _missing_days(zone: ZoneInfo, today: date) -> set[date]:
    first = Message.objects.aggregate(first=Min("created_at"))["first"]
    if first is None or first >= midnight(today, zone):
        return set()
    period = Period(first.astimezone(zone).date(), today - timedelta(days=1), zone)
    return set(period.days) - set(RolledDay.objects.filter(zone=zone.key).values_list("day", flat=True))
