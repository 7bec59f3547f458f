"""Whether probabilities can be believed: of replies that are 70 % sure, 70 % should be right. Pure functions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

NUM_BINS = 10
_SIDE, _LEFT, _TOP = 300, 52, 40
_STYLE = """text { font: 12px system-ui, sans-serif; fill: #1f2937 } .frame { stroke: #d1d5db; fill: none }
.ideal { stroke: #6b7280; stroke-dasharray: 4 4 } rect { fill: #2563eb; fill-opacity: 0.75 }
@media (prefers-color-scheme: dark) { text { fill: #e5e7eb } .frame { stroke: #4b5563 } rect { fill: #60a5fa } }"""


@dataclass(frozen=True)
class Bin:
    """The judgements whose probability lies in one tenth; `probability` is their mean, `right` the share that held."""

    count: int
    probability: float
    right: float


def bins_of(judgements: Iterable[tuple[float, bool]]) -> list[Bin]:
    """Of (probability, held): those tenths that have any, in order."""
    groups: list[list[tuple[float, bool]]] = [[] for _ in range(NUM_BINS)]
    for probability, is_right in judgements:
        groups[min(NUM_BINS - 1, int(probability * NUM_BINS))].append((probability, is_right))
    return [
        Bin(len(group), sum(p for p, _ in group) / len(group), sum(right for _, right in group) / len(group))
        for group in groups
        if group
    ]


def calibration_error(bins: Sequence[Bin]) -> float:
    """The expected calibration error (Guo et al. 2017): the mean gap between probability and share."""
    total = sum(one.count for one in bins)
    return sum(one.count * abs(one.probability - one.right) for one in bins) / max(1, total)


def write_plot(bins: Sequence[Bin], path: Path, *, title: str) -> None:
    """The reliability diagram as an SVG, readable in light and dark: on the dashed line is what can be believed."""
    bottom, right = _TOP + _SIDE, _LEFT + _SIDE
    parts = [
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<line class="ideal" x1="{_LEFT}" y1="{bottom}" x2="{right}" y2="{_TOP}"/>',
        _text(_LEFT, 20, title, "start"),
        _text(_LEFT + _SIDE // 2, bottom + 36, "probability", "middle"),
        _text(_LEFT + 8, _TOP + 18, "share that was right", "start"),
    ]
    for share in (0.0, 0.5, 1.0):
        parts.append(_text(_LEFT + share * _SIDE, bottom + 18, f"{share:g}", "middle"))
        parts.append(_text(_LEFT - 8, bottom - share * _SIDE + 4, f"{share:g}", "end"))
    width = _SIDE / NUM_BINS * 0.7
    for one in bins:
        x, height = _LEFT + one.probability * _SIDE, one.right * _SIDE
        label = f"{one.count} at {one.probability:.0%}: {one.right:.0%} right"
        parts.append(
            f'<rect x="{x - width / 2:.1f}" y="{bottom - height:.1f}" width="{width:.1f}" height="{height:.1f}">'
            f"<title>{label}</title></rect>"
        )
        parts.append(_text(x, bottom - height - 4, str(one.count), "middle"))
    size = f"{right + 20} {bottom + 48}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
