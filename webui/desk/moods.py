"""Sentiment as lines: the small trend of a list row and the chart of the context pane, as numbers for inline SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

_SIGN = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}
_DOT_SPACE = 8


@dataclass(frozen=True)
class Point:
    x: float
    y: float
    label: str


@dataclass(frozen=True)
class TrendLine:
    """Points from oldest to newest in a box of `width` x `height`; the middle is neutral."""

    width: int
    height: int
    points: list[Point]

    @property
    def path(self) -> str:
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)

    @property
    def dots(self) -> list[Point]:
        """The points to mark: all of them, or none when they would run into one another."""
        return self.points if len(self.points) <= self.width / _DOT_SPACE else []

    @property
    def middle(self) -> float:
        return self.height / 2

    @property
    def last(self) -> Point:
        return self.points[-1]


def trend_line(
    scores: Sequence[tuple[str, float]], width: int = 48, height: int = 16, margin: int = 3
) -> TrendLine | None:
    """A line through (label, probability), oldest first; None below two points, which make no trend."""
    if len(scores) < 2:
        return None
    step = (width - 2 * margin) / (len(scores) - 1)
    half = height / 2 - margin
    points = [
        Point(round(margin + i * step, 1), round(height / 2 - _SIGN[label] * probability * half, 1), label)
        for i, (label, probability) in enumerate(scores)
    ]
    return TrendLine(width, height, points)
