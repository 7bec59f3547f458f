"""How figures are written: on the page with units and no more digits than they are worth, in CSV as plain numbers."""

from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _

NBSP = "\u00a0"


def write(value: Any, kind: str) -> str:
    """`kind`: text, day, count, mean, percent, seconds, times. A dash for what isn't there."""
    if value is None:
        return "–"
    return _WRITERS[kind](value)


def percent(share: float) -> str:
    return f"{share * 100:.0f}{NBSP}%"


def count(num: int) -> str:
    return f"{num:,}"


def seconds(duration_s: float) -> str:
    if duration_s < 10:
        return _("%(num)s s") % {"num": f"{duration_s:.1f}"}
    if duration_s < 100:
        return _("%(num)s s") % {"num": f"{duration_s:.0f}"}
    if duration_s < 5400:
        return _("%(num)s min") % {"num": f"{duration_s / 60:.0f}"}
    return _("%(num)s h") % {"num": f"{duration_s / 3600:.1f}"}


def day(at: date) -> str:
    return date_format(at, _("j M"))


def times(ratio: float) -> str:
    return f"{ratio:.1f}{NBSP}×"


def mean(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def points(difference: float) -> str:
    """A difference of two shares, without its sign."""
    return f"{abs(difference) * 100:.0f}"


_WRITERS = {
    "text": str,
    "day": day,
    "count": count,
    "mean": mean,
    "percent": percent,
    "seconds": seconds,
    "times": times,
}

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def csv_cell(value: Any) -> Any:
    """For a CSV file: days as ISO, numbers plain; a text that a spreadsheet would run as a formula is quoted."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA_STARTS):
        return f"'{value}"
    return "" if value is None else value
