"""Office hours: whether people are there now, and when they are next. Pure functions; knows no database.

A week is {"mon": [["09:00", "12:00"], ["13:00", "18:00"]], …}: local times of the company, "24:00" for midnight.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext as _

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LOOK_AHEAD_DAYS = 60
_TIME = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")

Week = Mapping[str, Sequence[Sequence[str]]]


class HoursError(ValueError):
    """Office hours that can't be kept as they were written; the text says which and how to write them."""


@dataclass(frozen=True, kw_only=True)
class OfficeState:
    """Whether people are there. `opens_at`: when they are next, if known; `closes_at`: until when they are."""

    is_open: bool
    opens_at: datetime | None = None
    closes_at: datetime | None = None


def office_state(*, week: Week, holidays: Sequence[str], time_zone: str, now: datetime) -> OfficeState:
    """The state at `now` (with zone). A week without hours, or only holidays ahead: closed, with no opening known."""
    zone = ZoneInfo(time_zone)
    today = now.astimezone(zone).date()
    for offset in range(_LOOK_AHEAD_DAYS):
        for start, end in _intervals(week, holidays, today + timedelta(days=offset), zone):
            if start <= now < end:
                return OfficeState(is_open=True, closes_at=end)
            if start > now:
                return OfficeState(is_open=False, opens_at=start)
    return OfficeState(is_open=False)


def _intervals(week: Week, holidays: Sequence[str], day: date, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    if day.isoformat() in holidays:
        return []
    return [(_at(day, start, zone), _at(day, end, zone)) for start, end in week.get(WEEKDAYS[day.weekday()], [])]


def _at(day: date, text: str, zone: ZoneInfo) -> datetime:
    hour, minute = (int(part) for part in text.split(":"))
    if hour == 24:
        return datetime.combine(day + timedelta(days=1), time(0), zone)
    return datetime.combine(day, time(hour, minute), zone)


def parse_day(text: str) -> list[list[str]]:
    """`09:00-12:00, 13:00-18:00` as intervals; nothing written is a day off. Raises HoursError."""
    parts = re.split(r"[,，;；、]", text)
    return _check_day([re.split(r"\s*[-–—~～]\s*", part.strip()) for part in parts if part.strip()], text)


def format_day(intervals: Sequence[Sequence[str]]) -> str:
    return ", ".join("-".join(interval) for interval in intervals)


def check_week(week: Any) -> dict[str, list[list[str]]]:
    if not isinstance(week, dict) or not set(week) <= set(WEEKDAYS):
        raise HoursError(_("Write office hours by weekday."))
    return {
        day: checked for day in WEEKDAYS if (checked := _check_day(week.get(day, []), format_day(week.get(day, []))))
    }


def _check_day(intervals: Any, written: str) -> list[list[str]]:
    checked: list[list[str]] = []
    for interval in intervals:
        matches = [_TIME.fullmatch(str(part).strip().replace("：", ":")) for part in interval]
        if len(matches) != 2 or not all(matches):
            raise HoursError(_("Write times such as 09:00-18:00, not “%(text)s”.") % {"text": written})
        start, end = (f"{int(match[1]):02d}:{match[2]}" for match in matches if match)
        if end > "24:00" or start >= end:
            raise HoursError(_("In “%(text)s” the end is not after the start.") % {"text": written})
        checked.append([start, end])
    checked.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(checked)):
        raise HoursError(_("In “%(text)s” the times overlap.") % {"text": written})
    return checked


def check_holidays(holidays: Any) -> list[str]:
    try:
        return sorted({date.fromisoformat(str(day).strip()).isoformat() for day in holidays})
    except ValueError:
        raise HoursError(_("Write holidays as dates such as 2026-12-25, one per line.")) from None


def check_time_zone(name: Any) -> str:
    if name not in available_timezones():
        raise HoursError(_("“%(name)s” is no time zone. Write one such as Asia/Shanghai.") % {"name": name})
    return str(name)
