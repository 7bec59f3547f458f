"""From the sentiment of single messages to the mood of a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Label = Literal["negative", "neutral", "positive"]

_SIGN: dict[str, float] = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
_DECAY = 0.6  # weight of a message relative to the next one: about the last four messages decide
_UNHAPPY_BELOW = -0.25
_HAPPY_ABOVE = 0.25


@dataclass(frozen=True)
class Mood:
    """`score` from -1 to 1, the latest messages counting most; `trend`: the score minus that of the first half."""

    label: Label
    score: float
    trend: float


def mood_of(sentiments: Sequence[tuple[str, float]]) -> Mood:
    """The mood after customer messages of these (label, probability), oldest first. Neutral when there are none."""
    scores = [_SIGN[label] * probability for label, probability in sentiments]
    score = _recent_mean(scores)
    early = _recent_mean(scores[: len(scores) // 2])
    label: Label = "neutral"
    if score < _UNHAPPY_BELOW:
        label = "negative"
    elif score > _HAPPY_ABOVE:
        label = "positive"
    return Mood(label, round(score, 4), round(score - early, 4))


def _recent_mean(scores: Sequence[float]) -> float:
    weights = [_DECAY**age for age in range(len(scores) - 1, -1, -1)]
    return sum(w * s for w, s in zip(weights, scores, strict=True)) / sum(weights) if scores else 0.0
