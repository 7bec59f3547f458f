"""The charts that compare: ratings, topics, answers, model versions, and what drives negative sentiment."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatbot.insight import figures
from chatbot.insight.counting import Counts
from chatbot.insight.figures import Driver, Subject
from chatbot.insight.statistics import MIN_NUM_OF_DRIVER, Share
from chatbot.knowledge.models import Answer
from webui.desk.insight import numbers
from webui.desk.insight.charts import Chart, Column, Series
from webui.desk.insight.trends import Reading, too_few

_MAX_DRIVERS = 10


def between(low: float, high: float) -> str:
    return _("%(low)s to %(high)s %%") % {"low": f"{low * 100:.0f}", "high": f"{high * 100:.0f}"}


def share_in_words(share: Share) -> str:
    """A share with its interval and what it is of."""
    of = ngettext("of %(num)s", "of %(num)s", share.total) % {"num": numbers.count(share.total)}
    if not share.is_enough:
        return _("too few to say (%(num)s of %(total)s)") % {"num": share.num, "total": share.total}
    words = {"share": numbers.write(share.value, "percent"), "between": between(*share.interval), "of": of}
    return _("%(share)s %(of)s (%(between)s)") % words


def chart_of_ratings(reading: Reading) -> Chart:
    counts = reading.counts
    stars, happy, mean = (
        figures.numbers(counts, "stars", figures.STARS),
        figures.share_of_happy_ratings(counts),
        figures.mean_stars(counts),
    )
    thumbs = figures.share_of_thumbs_up(counts)
    total = happy.total
    labels = [ngettext("%(num)s star", "%(num)s stars", int(star)) % {"num": star} for star in stars]
    finding = _("Ratings")
    if happy.is_enough and mean is not None:
        words = {
            "mean": f"{mean:.1f}",
            "share": numbers.write(happy.value, "percent"),
            "between": between(*happy.interval),
        }
        finding = _("%(mean)s of 5 stars; %(share)s gave 4 or 5 (%(between)s)") % words
    return Chart(
        key="ratings",
        name=_("Ratings"),
        finding=finding,
        note=_thumbs_in_words(thumbs),
        kind="rows",
        labels=labels,
        series=[Series(_("Conversations"), "chart-1", list(stars.values()))],
        points=[
            f"{label}: {numbers.count(num)} ({numbers.percent(num / max(1, total))})"
            for label, num in zip(labels, stars.values(), strict=True)
        ],
        columns=[
            Column("rating", _("Rating"), "text"),
            Column("number", _("Number")),
            Column("share", _("Share"), "percent"),
        ],
        rows=[
            *([label, num, num / total if total else None] for label, num in zip(labels, stars.values(), strict=True)),
            [_("Thumbs up"), thumbs.num, thumbs.value],
            [_("Thumbs down"), thumbs.total - thumbs.num, 1 - thumbs.value if thumbs.value is not None else None],
        ],
        too_few=too_few(total),
    )  # fmt: skip


def _thumbs_in_words(thumbs: Share) -> str:
    if not thumbs.total:
        return _("Nobody gave a reply a thumb.")
    return _("Thumbs up on replies: %(share)s") % {"share": share_in_words(thumbs)}


def chart_of_topics(reading: Reading) -> Chart:
    return _subject_chart(
        reading.counts,
        figures.subjects(reading.counts, "topics"),
        key="topics",
        name=_("Sentiment by topic"),
        most=_("Most negative after answers on “%(name)s”: %(share)s"),
        none=_("No topic stands out"),
        column=Column("topic", _("Topic"), "text"),
    )


def chart_of_answers(reading: Reading) -> Chart:
    found = figures.subjects(reading.counts, "answers")
    questions = dict(Answer.objects.filter(pk__in=[s.name for s in found]).values_list("pk", "question"))
    return _subject_chart(
        reading.counts,
        found,
        names=questions,
        key="answers",
        name=_("Sentiment by answer"),
        most=_("Most negative after “%(name)s”: %(share)s"),
        none=_("No answer stands out"),
        column=Column("answer", _("Answer"), "text"),
    )


def _subject_chart(
    counts: Counts,
    found: Sequence[Subject],
    *,
    most: str,
    none: str,
    column: Column,
    names: Mapping[str, str] | None = None,
    **fields: Any,
) -> Chart:
    base = figures.share_of_mood(counts, figures.NEGATIVE, "reactions")
    shown = [subject for subject in found if subject.negative.is_enough]
    worst = max(shown, key=lambda subject: subject.negative.interval[0], default=None)
    finding = none
    if worst and base.value is not None and worst.negative.interval[0] > base.value:
        words = {
            "name": (names or {}).get(worst.name, worst.name),
            "share": numbers.write(worst.negative.value, "percent"),
        }
        finding = most % words
    return _intervals(
        found,
        shown,
        names or {},
        column,
        base,
        finding=finding if shown else fields["name"],
        note=_("Share of negative among customers' next messages, with its 95 % interval. The line: all replies."),
        **fields,
    )


def chart_of_versions(reading: Reading) -> Chart:
    found = figures.versions(reading.slices)
    shown = [version for version in found if version.negative.is_enough]
    finding = _("Sentiment by model version")
    if len(shown) > 1:
        best, worst = shown[0], shown[-1]
        is_clear = best.negative.interval[1] < worst.negative.interval[0]
        finding = (
            _("Fewer negative messages after %(best)s than after %(worst)s") % {"best": best.name, "worst": worst.name}
            if is_clear
            else _("No clear difference between model versions")
        )
    elif shown:
        finding = _("One model version: negative after %(share)s") % {"share": share_in_words(shown[0].negative)}
    return _intervals(
        found,
        shown,
        {},
        Column("model_version", _("Model version"), "text"),
        figures.share_of_mood(reading.counts, figures.NEGATIVE, "reactions"),
        key="versions",
        name=_("Sentiment by model version"),
        finding=finding,
        note=_("Share of negative among customers' next messages, with its 95 % interval. The line: all replies."),
    )


def _intervals(
    found: Sequence[Subject],
    shown: Sequence[Subject],
    names: Mapping[str, str],
    column: Column,
    base: Share,
    **fields: Any,
) -> Chart:
    return Chart(
        kind="intervals",
        unit="percent",
        labels=[names.get(subject.name, subject.name) for subject in shown],
        series=[Series(_("Negative"), "negative", [_low_middle_high(subject.negative) for subject in shown])],
        points=[f"{names.get(s.name, s.name)}: {share_in_words(s.negative)}" for s in shown],
        reference=base.value if base.is_enough else None,
        columns=[
            column,
            Column("negative", _("Negative"), "percent"),
            Column("low", _("From"), "percent"),
            Column("high", _("To"), "percent"),
            Column("reactions", _("Of")),
        ],
        rows=[_row(names.get(s.name, s.name), s.negative) for s in found],
        too_few="" if shown else too_few(max((s.negative.total for s in found), default=0)),
        **fields,
    )


def _low_middle_high(share: Share) -> list[float]:
    low, high = share.interval
    return [low, share.value or 0.0, high]


def _row(name: str, share: Share) -> list[Any]:
    if not share.is_enough:
        return [name, None, None, None, share.total]
    return [name, share.value, *share.interval, share.total]


def driver_name(driver: Driver, questions: Mapping[str, str]) -> str:
    """In words: what the customers had just met."""
    if driver.kind == "answer":
        return _("Answer “%(name)s”") % {"name": questions.get(driver.name, driver.name)}
    if driver.kind == "topic":
        return _("Topic “%(name)s”") % {"name": driver.name}
    if driver.kind == "degraded":
        return _("A reply that was less than usual (%(why)s)") % {"why": driver.name.replace("_", " ")}
    return str(_factor_names().get(f"{driver.kind}:{driver.name}", driver.name))


def _factor_names() -> dict[str, str]:
    return {
        "action:answer": _("An answer"),
        "action:clarify": _("A question back"),
        "action:decline": _("A declined question"),
        "action:handoff": _("A handoff"),
        "wait:under_5s": _("Waiting under 5 s"),
        "wait:under_15s": _("Waiting 5 to 15 s"),
        "wait:under_60s": _("Waiting 15 to 60 s"),
        "wait:over_60s": _("Waiting over a minute"),
    }


def chart_of_drivers(reading: Reading) -> Chart:
    found = figures.drivers(reading.counts)
    questions = dict(
        Answer.objects.filter(pk__in=[d.name for d in found if d.kind == "answer"]).values_list("pk", "question")
    )
    names = [driver_name(driver, questions) for driver in found]
    clear = [(name, driver) for name, driver in zip(names, found, strict=True) if driver.is_clear]
    drawn = sorted(clear or zip(names, found, strict=True), key=lambda pair: -pair[1].lift)[:_MAX_DRIVERS]
    base = figures.share_of_mood(reading.counts, figures.NEGATIVE, "reactions")
    return Chart(
        key="drivers",
        name=_("What drives negative sentiment"),
        finding=_drivers_finding(clear, found),
        note=_drivers_note(base),
        kind="intervals",
        unit="times",
        labels=[name for name, _driver in drawn],
        series=[Series(_("Times the usual"), "negative", [_lift(driver) for _name, driver in drawn])],
        points=[_driver_in_words(name, driver) for name, driver in drawn],
        reference=1.0,
        columns=[
            Column("factor", _("After"), "text"),
            Column("times_usual", _("Times the usual"), "times"),
            Column("low", _("From"), "times"),
            Column("high", _("To"), "times"),
            Column("negative", _("Negative"), "percent"),
            Column("reactions", _("Of")),
        ],
        rows=[
            [name, driver.lift, *driver.lift_interval, driver.negative.value, driver.negative.total]
            for name, driver in zip(names, found, strict=True)
        ],
        too_few=""
        if found
        else _("Too few to say: no kind of reply was followed by a customer's message %(num)s times.")
        % {"num": MIN_NUM_OF_DRIVER},
        is_wide=True,
    )  # fmt: skip


def _lift(driver: Driver) -> list[float]:
    low, high = driver.lift_interval
    return [low, driver.lift, high]


def _driver_in_words(name: str, driver: Driver) -> str:
    low, high = driver.lift_interval
    words = {
        "name": name,
        "times": numbers.times(driver.lift),
        "low": f"{low:.1f}",
        "high": f"{high:.1f}",
        "share": numbers.write(driver.negative.value, "percent"),
        "num": numbers.count(driver.negative.total),
    }
    return _("%(name)s: %(times)s the usual (%(low)s to %(high)s); %(share)s of %(num)s negative") % words


def _drivers_finding(clear: Sequence[tuple[str, Driver]], found: Sequence[Driver]) -> str:
    if not found:
        return _("What drives negative sentiment")
    if not clear:
        return _("Nothing clearly drives negative sentiment")
    name, driver = clear[0]
    return _("%(name)s: %(times)s as much negative sentiment as usual") % {
        "name": name,
        "times": numbers.times(driver.lift),
    }


def _drivers_note(base: Share) -> str:
    if not base.total:
        return _("How customers go on after each kind of reply, compared with all replies.")
    return _(
        "Of all replies, %(share)s were followed by a negative message. Shown: what exceeds that beyond doubt "
        "(99 %% interval, at least %(num)s cases). It shows what goes together, not what causes it."
    ) % {"share": numbers.write(base.value, "percent"), "num": MIN_NUM_OF_DRIVER}
