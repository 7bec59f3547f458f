"""Busiest hours and the questions without an answer; and the headline figures above the charts."""

from dataclasses import dataclass
from typing import Any

from django.utils.dates import WEEKDAYS, WEEKDAYS_ABBR
from django.utils.translation import gettext as _

from chatbot.insight import figures
from chatbot.insight.figures import Hour
from chatbot.insight.statistics import MIN_NUM_TO_SAY, Share, is_change
from webui.desk.insight import numbers
from webui.desk.insight.charts import Chart, Column
from webui.desk.insight.trends import Reading, change_in_words, too_few

_NUM_LEVELS = 6


@dataclass(frozen=True)
class HeatCell:
    level: int
    words: str


@dataclass(frozen=True)
class HeatRow:
    label: str
    cells: list[HeatCell]


def chart_of_hours(reading: Reading) -> Chart:
    hours = figures.hours(reading.period, reading.slices)
    total, busiest = sum(hour.num for hour in hours), max(hours, key=lambda hour: hour.mean)
    return Chart(
        key="hours",
        name=_("Busiest hours"),
        finding=_("Busiest: %(when)s") % {"when": _when(busiest)} if total >= MIN_NUM_TO_SAY else _("Busiest hours"),
        note=_("Customers' messages per hour, on average over the period's weekdays."),
        kind="heat",
        points=[_hour_in_words(hour) for hour in hours],
        columns=[
            Column("weekday", _("Weekday"), "text"),
            Column("hour", _("Hour"), "text"),
            Column("messages", _("Messages")),
            Column("mean", _("Per such day"), "mean"),
        ],
        rows=[[str(WEEKDAYS[hour.weekday]), f"{hour.hour:02}:00", hour.num, hour.mean] for hour in hours if hour.num],
        too_few=too_few(total),
        extra={"heat": _heat_rows(hours, busiest.mean)},
        is_wide=True,
    )


def _heat_rows(hours: list[Hour], most: float) -> list[HeatRow]:
    return [
        HeatRow(
            str(WEEKDAYS_ABBR[weekday]),
            [HeatCell(_level(hour.mean, most), _hour_in_words(hour)) for hour in hours if hour.weekday == weekday],
        )
        for weekday in range(7)
    ]


def _level(mean: float, most: float) -> int:
    """0 for nothing, 1 to 6 in equal steps up to the busiest hour."""
    return 0 if mean == 0 else min(_NUM_LEVELS, 1 + int(mean / most * _NUM_LEVELS))


def _when(hour: Hour) -> str:
    words = {"weekday": WEEKDAYS[hour.weekday], "from": f"{hour.hour:02}:00", "to": f"{hour.hour + 1:02}:00"}
    return _("%(weekday)s, %(from)s to %(to)s") % words


def _hour_in_words(hour: Hour) -> str:
    words = {"when": _when(hour), "mean": numbers.mean(hour.mean), "num": numbers.count(hour.num)}
    return _("%(when)s: %(mean)s messages an hour (%(num)s in all)") % words


def chart_of_unanswered(reading: Reading) -> Chart:
    found = figures.unanswered(reading.counts)
    finding = _("Questions without an answer")
    if found and found[0].num > 1:
        words = {"text": _short(found[0].text), "num": numbers.count(found[0].num)}
        finding = _("Asked %(num)s times without an answer: “%(text)s”") % words
    elif found:
        finding = _("Questions without an answer: none was asked twice")
    return Chart(
        key="unanswered",
        name=_("Questions without an answer"),
        finding=finding,
        note=_("Declined or answered by a question back; the same words count together."),
        kind="none",
        columns=[
            Column("question", _("Question"), "text"),
            Column("times", _("Times")),
            Column("declined", _("Declined")),
            Column("asked_back", _("Asked back")),
        ],
        rows=[[question.text, question.num, question.num_declined, question.num_clarified] for question in found],
        too_few="" if found else _("Every question in this period got an answer."),
        extra={"questions": found},
        is_wide=True,
    )


def _short(text: str, max_chars: int = 60) -> str:
    text = " ".join(text.split())
    return text if len(text) <= max_chars else f"{text[: max_chars - 1]}…"


@dataclass(frozen=True)
class Headline:
    """A figure with its name. `change`: against the period before; `is_better`: None when it is neither."""

    label: str
    figure: str
    change: str = ""
    is_better: bool | None = None
    target: str = ""


def headlines(reading: Reading) -> list[Headline]:
    counts, earlier = reading.counts, reading.earlier
    return [
        Headline(
            label=_("Conversations"),
            figure=numbers.count(figures.num_conversations(counts)),
            change=_more_or_fewer(reading),
            target="volume",
        ),
        _headline(
            _("Answered by the bot"), *(figures.share_of_outcome(c, "answer") for c in (earlier, counts)), "outcomes"
        ),
        _first_answer(counts, earlier),
        _headline(_("Rated 4 or 5"), *(figures.share_of_happy_ratings(c) for c in (earlier, counts)), "ratings"),
        _headline(
            _("Negative messages"),
            *(figures.share_of_mood(c, figures.NEGATIVE) for c in (earlier, counts)),
            "sentiment",
            is_less_better=True,
        ),
    ]  # fmt: skip


def _headline(label: str, earlier: Share, later: Share, target: str, *, is_less_better: bool = False) -> Headline:
    if not later.is_enough:
        return Headline(label, "–", _("too few to say"), None, target)
    is_up = (later.value or 0) > (earlier.value or 0)
    is_better = is_up != is_less_better if is_change(earlier, later) else None
    return Headline(label, numbers.write(later.value, "percent"), change_in_words(earlier, later), is_better, target)


def _more_or_fewer(reading: Reading) -> str:
    total, earlier = figures.num_conversations(reading.counts), figures.num_conversations(reading.earlier)
    if earlier < MIN_NUM_TO_SAY:
        return ""
    words = {"change": numbers.percent(abs(total / earlier - 1))}
    if total == earlier:
        return _("as many as before")
    return _("%(change)s more") % words if total > earlier else _("%(change)s fewer") % words


def _first_answer(counts: Any, earlier: Any) -> Headline:
    now, before = figures.wait(counts, "first_bot"), figures.wait(earlier, "first_bot")
    label = _("First answer, half within")
    if now.num < MIN_NUM_TO_SAY:
        return Headline(label, "–", _("too few to say"), None, "first-bot")
    change = (
        _("%(time)s before") % {"time": numbers.write(before.p50, "seconds")} if before.num >= MIN_NUM_TO_SAY else ""
    )
    return Headline(label, numbers.write(now.p50, "seconds"), change, None, "first-bot")
