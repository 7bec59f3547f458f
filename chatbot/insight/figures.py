"""Counts -> figures: shares with their intervals, quantiles, what drives negative sentiment, questions without answer.

Knows no words and no charts. Whoever shows a figure asks it whether there is enough to say (`Share.is_enough`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from chatbot.conversations.models import Conversation, Message, Reply
from chatbot.insight.counting import SAMPLES, Counts
from chatbot.insight.days import Period
from chatbot.insight.reading import CountedSlice, merge
from chatbot.insight.statistics import MIN_NUM_OF_DRIVER, Z_99, Share, quantile

NEGATIVE = Conversation.Mood.NEGATIVE.value
OUTCOMES = ("answer", "clarify", "decline", "handoff", "taken_over")  # of conversations in which something was asked
MOODS = ("negative", "neutral", "positive")
STARS = ("5", "4", "3", "2", "1")
_NUM_QUESTIONS = 12
_NOT_WORTH_NAMING = {f"action:{Reply.Action.SMALLTALK}"}


@dataclass(frozen=True)
class Wait:
    """Seconds that half (`p50`) and nine of ten (`p90`) waited at most; None of nobody."""

    p50: float | None
    p90: float | None
    num: int


@dataclass(frozen=True)
class Subject:
    """An answer, a topic or a model version, and how customers went on after it."""

    name: str
    negative: Share


@dataclass(frozen=True)
class Driver:
    """Something after which customers are negative more or less often than after everything. Intervals at 99 %.

    `kind`: answer, topic, action, degraded or wait. The wider interval is for the many that are looked at together.
    """

    kind: str
    name: str
    negative: Share
    base: float

    @property
    def lift(self) -> float:
        return (self.negative.value or 0.0) / self.base

    @property
    def lift_interval(self) -> tuple[float, float]:
        low, high = self.negative.interval
        return low / self.base, high / self.base

    @property
    def is_clear(self) -> bool:
        """Whether it makes things worse beyond doubt, and not only by chance among a few."""
        return self.negative.total >= MIN_NUM_OF_DRIVER and self.lift_interval[0] > 1


@dataclass(frozen=True)
class Hour:
    """One weekday (0: Monday) and hour; `mean` per such day of the period."""

    weekday: int
    hour: int
    num: int
    mean: float


@dataclass(frozen=True)
class Question:
    """What customers asked, as one of them wrote it, and how often the bot declined or asked back."""

    text: str
    language: str
    num_declined: int
    num_clarified: int
    conversation_id: UUID

    @property
    def num(self) -> int:
        return self.num_declined + self.num_clarified


def numbers(counts: Counts, group: str, keys: Iterable[str]) -> dict[str, int]:
    """The group's numbers in this order, with zeros."""
    return {key: counts.get(group, {}).get(key, 0) for key in keys}


def by_day(period: Period, slices: Iterable[CountedSlice]) -> dict[date, Counts]:
    """Every day of the period, empty ones too."""
    of_day: dict[date, list[CountedSlice]] = defaultdict(list)
    for counted in slices:
        of_day[counted.day].append(counted)
    return {day: merge(of_day.get(day, [])) for day in period.days}


def num_conversations(counts: Counts) -> int:
    return counts.get("conversations", {}).get("all", 0)


def share_of_outcome(counts: Counts, outcome: str) -> Share:
    ended = numbers(counts, "outcomes", OUTCOMES)
    return Share(ended[outcome], sum(ended.values()))


def wait(counts: Counts, group: str) -> Wait:
    durations = counts.get(group, {})
    return Wait(quantile(durations, 0.5), quantile(durations, 0.9), sum(durations.values()))


def share_of_mood(counts: Counts, mood: str, group: str = "sentiments") -> Share:
    moods = numbers(counts, group, MOODS)
    return Share(moods[mood], sum(moods.values()))


def share_of_happy_ratings(counts: Counts) -> Share:
    stars = numbers(counts, "stars", STARS)
    return Share(stars["5"] + stars["4"], sum(stars.values()))


def mean_stars(counts: Counts) -> float | None:
    stars = numbers(counts, "stars", STARS)
    num = sum(stars.values())
    return sum(int(star) * of_star for star, of_star in stars.items()) / num if num else None


def share_of_thumbs_up(counts: Counts) -> Share:
    thumbs = numbers(counts, "thumbs", ("up", "down"))
    return Share(thumbs["up"], sum(thumbs.values()))


def subjects(counts: Counts, group: str, *, limit: int = 12) -> list[Subject]:
    """The most frequent ones of the group (`answers` or `topics`), most negative first."""
    found = [Subject(name, share) for name, share in _negative_shares(counts.get(group, {})).items()]
    frequent = sorted(found, key=lambda subject: (-subject.negative.total, subject.name))[:limit]
    return sorted(frequent, key=lambda subject: (-(subject.negative.value or 0), subject.name))


def versions(slices: Sequence[CountedSlice]) -> list[Subject]:
    """Each model version of which there are reactions, best first."""
    of_version: dict[str, list[CountedSlice]] = defaultdict(list)
    for counted in slices:
        if counted.key.model_version:
            of_version[counted.key.model_version].append(counted)
    found = [
        Subject(name, share_of_mood(merge(counted), NEGATIVE, "reactions")) for name, counted in of_version.items()
    ]
    return sorted((v for v in found if v.negative.total), key=lambda v: (v.negative.value or 0, v.name))


def drivers(counts: Counts) -> list[Driver]:
    """What occurred often enough to be compared with all reactions, strongest first. Empty without a base."""
    base = share_of_mood(counts, NEGATIVE, "reactions")
    if not base.is_enough or not base.value:
        return []
    named = [
        *((f"answer:{name}", share) for name, share in _negative_shares(counts.get("answers", {})).items()),
        *((f"topic:{name}", share) for name, share in _negative_shares(counts.get("topics", {})).items()),
        *_negative_shares(counts.get("factors", {})).items(),
    ]
    found = [
        Driver(*_kind_and_name(what), negative=Share(share.num, share.total, Z_99), base=base.value)
        for what, share in named
        if share.total >= MIN_NUM_OF_DRIVER and what not in _NOT_WORTH_NAMING and share.total < base.total
    ]
    return sorted(found, key=lambda driver: (not driver.is_clear, -driver.lift, driver.kind, driver.name))


def _kind_and_name(factor: str) -> tuple[str, str]:
    kind, _colon, name = factor.partition(":")
    return kind, name


def _negative_shares(group: Mapping[str, int]) -> dict[str, Share]:
    totals: dict[str, int] = defaultdict(int)
    negative: dict[str, int] = defaultdict(int)
    for key, num in group.items():
        name, _bar, mood = key.rpartition("|")
        totals[name] += num
        if mood == NEGATIVE:
            negative[name] += num
    return {name: Share(negative[name], total) for name, total in totals.items()}


def hours(period: Period, slices: Iterable[CountedSlice]) -> list[Hour]:
    """All 7 x 24, Monday 0:00 first."""
    nums: dict[tuple[int, int], int] = defaultdict(int)
    for counted in slices:
        for hour, num in counted.counts.get("hours", {}).items():
            nums[counted.day.weekday(), int(hour)] += num
    num_days = [sum(day.weekday() == weekday for day in period.days) for weekday in range(7)]
    return [
        Hour(weekday, hour, nums[weekday, hour], nums[weekday, hour] / max(1, num_days[weekday]))
        for weekday in range(7)
        for hour in range(24)
    ]


def unanswered(counts: Counts, *, limit: int = _NUM_QUESTIONS) -> list[Question]:
    """The questions most often declined or answered by a question. One query; whose message is gone is left out."""
    nums: dict[str, dict[str, int]] = defaultdict(lambda: {"decline": 0, "clarify": 0})
    for key, num in counts.get("unanswered", {}).items():
        mark, _bar, action = key.partition("|")
        nums[mark][action] += num
    samples = counts.get(SAMPLES, {})
    marks = sorted(nums, key=lambda mark: (-sum(nums[mark].values()), -samples.get(mark, 0)))[:limit]
    rows = Message.objects.filter(pk__in=[samples[mark] for mark in marks if mark in samples])
    messages = {row[0]: row for row in rows.values_list("pk", "text", "conversation__language", "conversation_id")}
    found = [(mark, messages.get(samples.get(mark, 0))) for mark in marks]
    return [
        Question(row[1], row[2], nums[mark]["decline"], nums[mark]["clarify"], row[3])
        for mark, row in found
        if row is not None
    ]
