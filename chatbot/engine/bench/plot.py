"""Writes the measurements as an SVG by hand: a group of bars for each number of chats, readable in light and dark."""

from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from chatbot.engine.bench.workload import Measurement

_BAR, _GAP, _HEIGHT, _LEFT, _TOP, _LEGEND = 22, 36, 220, 56, 48, 20
_COLOURS = ("#2563eb", "#93c5fd", "#1e3a8a", "#9ca3af", "#6b7280", "#d97706", "#059669", "#6ee7b7", "#db2777")
_STYLE = """text { font: 12px system-ui, sans-serif; fill: #1f2937 } line { stroke: #d1d5db }
@media (prefers-color-scheme: dark) { text { fill: #e5e7eb } line { stroke: #4b5563 } }"""


def write_plot(results: Sequence[Measurement], path: Path, *, title: str) -> None:
    """Tokens a second of every engine. Nothing is written when nothing was measured."""
    if not results:
        return
    engines = list(dict.fromkeys(result.engine for result in results))
    chats = list(dict.fromkeys(result.chats for result in results))
    most = max(result.tokens_per_s for result in results)
    parts = [_text(_LEFT, 20, f"Tokens a second: {title}"), *_axis(most, _width(engines, chats))]
    for group, num in enumerate(chats):
        left = _LEFT + group * (_BAR * len(engines) + _GAP)
        parts += _group(left, num, engines, [result for result in results if result.chats == num], most)
    parts += _legend(engines)
    width, height = _width(engines, chats), _TOP + _HEIGHT + 40 + _LEGEND * len(engines)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img">\n<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _width(engines: Sequence[str], chats: Sequence[int]) -> int:
    return max(_LEFT + len(chats) * (_BAR * len(engines) + _GAP), 420)


def _group(left: int, num: int, engines: Sequence[str], results: Sequence[Measurement], most: float) -> list[str]:
    parts = [_text(left, _TOP + _HEIGHT + 18, f"{num} chat{'s' if num > 1 else ''}")]
    for result in results:
        place = engines.index(result.engine)
        height = _HEIGHT * result.tokens_per_s / most
        x, y = left + place * _BAR, _TOP + _HEIGHT - height
        colour = _COLOURS[place % len(_COLOURS)]
        parts.append(f'<rect x="{x}" y="{y:.1f}" width="{_BAR - 3}" height="{height:.1f}" rx="2" fill="{colour}"/>')
        parts.append(_text(x + (_BAR - 3) // 2, round(y) - 4, f"{result.tokens_per_s:.0f}", anchor="middle"))
    return parts


def _axis(most: float, width: int) -> list[str]:
    parts = []
    for share in (0.0, 0.5, 1.0):
        y = _TOP + _HEIGHT * (1 - share)
        parts.append(f'<line x1="{_LEFT}" y1="{y:.1f}" x2="{width}" y2="{y:.1f}"/>')
        parts.append(_text(_LEFT - 8, round(y) + 4, f"{most * share:.0f}", anchor="end"))
    return parts


def _legend(engines: Sequence[str]) -> list[str]:
    parts = []
    for place, name in enumerate(engines):
        y = _TOP + _HEIGHT + 40 + place * _LEGEND
        colour = _COLOURS[place % len(_COLOURS)]
        parts.append(f'<rect x="{_LEFT}" y="{y - 10}" width="12" height="12" rx="2" fill="{colour}"/>')
        parts.append(_text(_LEFT + 20, y, name))
    return parts


def _text(x: int, y: int, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(words)}</text>'
