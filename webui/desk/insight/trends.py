"""The charts over days: volume, who answered, time to first answer, sentiment; in the reader's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatbot.insight import figures
from chatbot.insight.counting import Counts
from chatbot.insight.days import Period
from chatbot.insight.reading import CountedSlice, merge
from chatbot.insight.statistics import MIN_NUM_TO_SAY, Share, is_change
from webui.desk.insight import numbers
from webui.desk.insight.charts import Chart, Column, Series


@dataclass(frozen=True)
class Reading:
    """A period's counts, merged and by day, and those of the period before."""

    period: Period
    slices: Sequence[CountedSlice]
    earlier: Counts

    @cached_property
    def counts(self) -> Counts:
        return merge(self.slices)

    @cached_property
    def days(self) -> dict[date, Counts]:
        return figures.by_day(self.period, self.slices)


def day_column() -> Column:
    return Column("day", _("Day"), "day")


def change_in_words(earlier: Share, later: Share) -> str:
    """Of a share, against the period before: only what is more than chance."""
    if not earlier.is_enough or not later.is_enough:
        return ""
    difference = (later.value or 0) - (earlier.value or 0)
    if not is_change(earlier, later) or abs(difference) < 0.005:
        return _("no clear change")
    words = {"num": numbers.points(difference)}
    return _("up %(num)s points") % words if difference > 0 else _("down %(num)s points") % words


def with_change(finding: str, earlier: Share, later: Share) -> str:
    change = change_in_words(earlier, later)
    return _("%(finding)s, %(change)s") % {"finding": finding, "change": change} if change else finding


def too_few(num: int) -> str:
    """Why nothing is drawn; "" when there is enough."""
    if num >= MIN_NUM_TO_SAY:
        return ""
    if num == 0:
        return _("Nothing to show in this period.")
    return ngettext(
        "Too few to say: %(num)s so far, %(min)s are needed.",
        "Too few to say: %(num)s so far, %(min)s are needed.",
        num,
    ) % {"num": num, "min": MIN_NUM_TO_SAY}


def _points(days: Sequence[date], lines: Sequence[str]) -> list[str]:
    return [
        _("%(day)s: %(figure)s") % {"day": numbers.day(day), "figure": line}
        for day, line in zip(days, lines, strict=True)
    ]


def chart_of_volume(reading: Reading) -> Chart:
    days = reading.days
    nums = [figures.num_conversations(counts) for counts in days.values()]
    messages = [figures.numbers(counts, "messages", ("customer", "bot", "agent")) for counts in days.values()]
    total, earlier = sum(nums), figures.num_conversations(reading.earlier)
    lines = [_in_conversations(num, sum(of_day.values())) for num, of_day in zip(nums, messages, strict=True)]
    return Chart(
        key="volume",
        name=_("Volume"),
        finding=_volume_finding(total, earlier, reading.period.num_days),
        note=_("Conversations by the day on which they began."),
        kind="bars",
        labels=[numbers.day(day) for day in days],
        series=[Series(_("Conversations"), "chart-1", nums)],
        points=_points(list(days), lines),
        columns=[
            day_column(),
            Column("conversations", _("Conversations")),
            Column("messages_customer", _("From customers")),
            Column("messages_bot", _("From the bot")),
            Column("messages_agent", _("From agents")),
        ],
        rows=[[day, num, *of_day.values()] for day, num, of_day in zip(days, nums, messages, strict=True)],
        too_few="" if total else too_few(0),
    )


def _in_conversations(num: int, num_messages: int) -> str:
    return _("%(conversations)s, %(messages)s") % {
        "conversations": ngettext("%(num)s conversation", "%(num)s conversations", num) % {"num": numbers.count(num)},
        "messages": ngettext("%(num)s message", "%(num)s messages", num_messages)
        % {"num": numbers.count(num_messages)},
    }


def _volume_finding(total: int, earlier: int, num_days: int) -> str:
    told = ngettext("%(num)s conversation", "%(num)s conversations", total) % {"num": numbers.count(total)}
    if earlier < MIN_NUM_TO_SAY or total < MIN_NUM_TO_SAY:
        return told
    change = total / earlier - 1
    words = {"told": told, "change": numbers.percent(abs(change)), "days": num_days}
    if abs(change) < 0.005:
        return _("%(told)s, as many as in the %(days)s days before") % words
    if change > 0:
        return _("%(told)s, %(change)s more than in the %(days)s days before") % words
    return _("%(told)s, %(change)s fewer than in the %(days)s days before") % words


def outcome_names() -> dict[str, str]:
    return {
        "answer": _("Answered by the bot"),
        "clarify": _("Asked back"),
        "decline": _("Declined"),
        "handoff": _("Handed off"),
        "taken_over": _("Taken over"),
    }


_OUTCOME_COLOURS = {
    "answer": "chart-1",
    "clarify": "chart-2",
    "decline": "chart-3",
    "handoff": "chart-4",
    "taken_over": "chart-5",
}


def chart_of_outcomes(reading: Reading) -> Chart:
    names = outcome_names()
    share = figures.share_of_outcome(reading.counts, "answer")
    earlier = figures.share_of_outcome(reading.earlier, "answer")
    told = _("Answered by the bot: %(share)s") % {"share": numbers.write(share.value, "percent")}
    return _stack(
        reading,
        "outcomes",
        names,
        _OUTCOME_COLOURS,
        key="outcomes",
        name=_("Who answered"),
        finding=with_change(told, earlier, share) if share.is_enough else _("Who answered"),
        note=_("Where conversations ended, of those in which something was asked. A person who wrote counts first."),
        too_few=too_few(share.total),
    )


def mood_names() -> dict[str, str]:
    return {"negative": _("Negative"), "neutral": _("Neutral"), "positive": _("Positive")}


def chart_of_sentiment(reading: Reading) -> Chart:
    share = figures.share_of_mood(reading.counts, figures.NEGATIVE)
    earlier = figures.share_of_mood(reading.earlier, figures.NEGATIVE)
    told = _("Negative messages: %(share)s") % {"share": numbers.write(share.value, "percent")}
    return _stack(
        reading,
        "sentiments",
        mood_names(),
        {"negative": "negative", "neutral": "chart-neutral", "positive": "positive"},
        key="sentiment",
        name=_("Sentiment by day"),
        finding=with_change(told, earlier, share) if share.is_enough else _("Sentiment by day"),
        note=_("Every message of a customer, as the classifier reads it."),
        too_few=too_few(share.total),
    )


def _stack(reading: Reading, group: str, names: dict[str, str], colours: dict[str, str], **fields: Any) -> Chart:
    """Shares of each day, one above the other, to 100 %."""
    days = reading.days
    nums = {day: figures.numbers(counts, group, names) for day, counts in days.items()}
    totals = {day: sum(of_day.values()) for day, of_day in nums.items()}
    whole = figures.numbers(reading.counts, group, names)
    lines = [_stack_line(nums[day], totals[day], names) for day in days]
    return Chart(
        kind="stack",
        unit="percent",
        labels=[numbers.day(day) for day in days],
        series=[
            Series(
                label=name,
                colour=colours[key],
                values=[nums[day][key] / totals[day] if totals[day] else None for day in days],
                told=numbers.percent(whole[key] / max(1, sum(whole.values()))),
            )
            for key, name in names.items()
        ],
        points=_points(list(days), lines),
        columns=[day_column(), *(Column(key, name) for key, name in names.items()), Column("all", _("All"))],
        rows=[[day, *nums[day].values(), totals[day]] for day in days],
        **fields,
    )


def _stack_line(nums: dict[str, int], total: int, names: dict[str, str]) -> str:
    if not total:
        return _("none")
    return _(", ").join(f"{names[key]} {numbers.percent(num / total)} ({num:,})" for key, num in nums.items() if num)


def chart_of_first_bot(reading: Reading) -> Chart:
    told = _("Half see the bot's first words within %(p50)s, nine of ten within %(p90)s")
    return _waits(
        reading, "first_bot", told, key="first-bot", name=_("Time to the bot's first answer"),
        note=_("From the customer's first message to the first words of the reply."),
    )  # fmt: skip


def chart_of_first_person(reading: Reading) -> Chart:
    told = _("Half wait up to %(p50)s for a person, nine of ten up to %(p90)s")
    return _waits(
        reading, "first_person", told, key="first-person", name=_("Time to a person's first answer"),
        note=_("From the moment a person was asked for; without one, from the customer's last message."),
    )  # fmt: skip


def _waits(reading: Reading, group: str, told: str, **fields: Any) -> Chart:
    whole = figures.wait(reading.counts, group)
    of_day = {day: figures.wait(counts, group) for day, counts in reading.days.items()}
    words = {"p50": numbers.write(whole.p50, "seconds"), "p90": numbers.write(whole.p90, "seconds")}
    lines = [
        _("half within %(p50)s, nine of ten within %(p90)s (%(num)s)")
        % {"p50": numbers.write(w.p50, "seconds"), "p90": numbers.write(w.p90, "seconds"), "num": w.num}
        if w.num
        else _("none")
        for w in of_day.values()
    ]
    return Chart(
        kind="lines",
        unit="seconds",
        finding=told % words if whole.num >= MIN_NUM_TO_SAY else fields["name"],
        labels=[numbers.day(day) for day in of_day],
        series=[
            Series(_("nine of ten"), "chart-2", [w.p90 for w in of_day.values()]),
            Series(_("half"), "chart-1", [w.p50 for w in of_day.values()]),
        ],
        points=_points(list(of_day), lines),
        columns=[
            day_column(),
            Column("p50_s", _("Half within"), "seconds"),
            Column("p90_s", _("Nine of ten within"), "seconds"),
            Column("conversations", _("Conversations")),
        ],
        rows=[[day, w.p50, w.p90, w.num] for day, w in of_day.items()],
        too_few=too_few(whole.num),
        **fields,
    )
