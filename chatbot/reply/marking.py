"""Which part of a source supports which span of a reply. Offsets are of Python strings, ends exclusive.

Marks what is known to be supported (quoted, or checked by `support.py`); it checks nothing itself.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from chatbot.reply.support import CLAUSE_END, content_of

_SENTENCE_END = re.compile(r"[。！？；]+[”’」』）)]*|[.!?;]+[\"')\]]*(?=\s|$)|\n+")


@dataclass(frozen=True, kw_only=True)
class Span:
    start: int
    end: int
    source: int
    source_start: int
    source_end: int


def mark_quoted(texts: Sequence[str], separator: str) -> list[dict[str, int]]:
    """Sources that are the reply word for word, joined by the separator: one span per sentence."""
    spans, at = [], 0
    for number, text in enumerate(texts):
        spans += [
            Span(start=at + start, end=at + end, source=number, source_start=start, source_end=end)
            for start, end in sentences_of(text)
        ]
        at += len(text) + len(separator)
    return [asdict(span) for span in spans]


def mark_phrased(text: str, passage: str) -> list[dict[str, int]]:
    """A reply in other words than its one source: clauses that rest on the same sentence of it are one span."""
    sources = list(sentences_of(passage))
    spans: list[Span] = []
    for start, end in sentences_of(text):
        spans += _mark_sentence(text, start, end, passage, sources)
    return [asdict(span) for span in spans]


def sentences_of(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence starts and ends, spaces around it left out; together they hold all other characters."""
    yield from _pieces(text, 0, len(text), _SENTENCE_END)


def _mark_sentence(text: str, start: int, end: int, passage: str, sources: Sequence[tuple[int, int]]) -> list[Span]:
    whole = _best_source(text[start:end], passage, sources, default=sources[0])
    spans: list[Span] = []
    for clause_start, clause_end in _pieces(text, start, end, CLAUSE_END):
        default = (spans[-1].source_start, spans[-1].source_end) if spans else whole
        source = _best_source(text[clause_start:clause_end], passage, sources, default=default)
        if spans and (spans[-1].source_start, spans[-1].source_end) == source:
            spans[-1] = replace(spans[-1], end=clause_end)
        else:
            spans.append(
                Span(start=clause_start, end=clause_end, source=0, source_start=source[0], source_end=source[1])
            )
    return spans


def _best_source(
    claim: str, passage: str, sources: Sequence[tuple[int, int]], *, default: tuple[int, int]
) -> tuple[int, int]:
    """The sentence of the passage that shares the most with the claim; `default` where nothing does, or as much."""
    terms = content_of(claim)
    shared = {source: len(terms & content_of(passage[source[0] : source[1]])) for source in sources}
    best = max(shared, key=lambda source: shared[source])
    return best if shared[best] > shared[default] else default


def _pieces(text: str, start: int, end: int, separators: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    at = start
    for piece_end in [*(match.end() for match in separators.finditer(text, start, end)), end]:
        piece = text[at:piece_end]
        if piece.strip():
            yield at + len(piece) - len(piece.lstrip()), at + len(piece.rstrip())
        at = piece_end
