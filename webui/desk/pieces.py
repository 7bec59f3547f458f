"""A text cut where marks begin and end, for templates that show them: offsets in code points, never markup."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Piece:
    text: str
    is_marked: bool


def pieces_of(text: str, marks: Sequence[tuple[int, int]]) -> list[Piece]:
    """The whole text in order. Marks that overlap or touch with only spaces between are one; none needs to fit."""
    return list(_cut(text, _joined(text, sorted(marks))))


def _cut(text: str, marks: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    at = 0
    for start, end in marks:
        if start > at:
            yield Piece(text=text[at:start], is_marked=False)
        yield Piece(text=text[start:end], is_marked=True)
        at = end
    if at < len(text):
        yield Piece(text=text[at:], is_marked=False)


def _joined(text: str, marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in marks:
        start, end = max(start, 0), min(end, len(text))
        if joined and not text[joined[-1][1] : start].strip():
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        elif start < end:
            joined.append((start, end))
    return joined
