"""Intervals and quantiles, in plain arithmetic. Knows nothing of what is counted."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10, sqrt

MIN_NUM_TO_SAY = 10  # below it a share is nobody's business
MIN_NUM_OF_DRIVER = 20  # below it nothing is called a driver
Z_95, Z_99 = 1.959964, 2.575829


@dataclass(frozen=True)
class Share:
    """`num` of `total` with its Wilson score interval."""

    num: int
    total: int
    z: float = Z_95

    @property
    def value(self) -> float | None:
        return self.num / self.total if self.total else None

    @property
    def is_enough(self) -> bool:
        return self.total >= MIN_NUM_TO_SAY

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson (1927), "Probable inference, the law of succession, and statistical inference"; (0, 1) of nothing."""
        if not self.total:
            return 0.0, 1.0
        n, z2, p = self.total, self.z**2, self.num / self.total
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = self.z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)


def is_change(earlier: Share, later: Share) -> bool:
    """Whether both are enough to say and a two-proportion z test at 95 % tells them apart."""
    if not (earlier.is_enough and later.is_enough):
        return False
    pooled = (earlier.num + later.num) / (earlier.total + later.total)
    spread = sqrt(pooled * (1 - pooled) * (1 / earlier.total + 1 / later.total))
    return spread > 0 and abs(later.num / later.total - earlier.num / earlier.total) / spread > Z_95


def two_digits(seconds: float) -> str:
    """A duration as a key: rounded to two significant digits, at least 0.1 s, so that many fall together."""
    if seconds < 0.1:
        return "0.1"
    return f"{round(seconds, 1 - floor(log10(seconds))):g}"


def quantile(durations: Mapping[str, int], q: float) -> float | None:
    """The smallest duration that at least the share `q` of all reach (nearest rank); None of nothing."""
    ordered = sorted((float(key), num) for key, num in durations.items())
    rank, passed = q * sum(num for _seconds, num in ordered), 0
    for seconds, num in ordered:
        passed += num
        if passed >= rank:
            return seconds
    return None
