"""Which phrases of a text drove its label. Knows no encoder, labels or database: the caller says how sure it is.

A phrase is a clause, so that it is whole words in every language. How much it drove is its Shapley value (Lundberg and
Lee 2017) from the first and the last of the orders in which clauses can come: how sure the clause makes alone, and how
much less sure the text is without it.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence

Span = tuple[int, int]  # start and end in code points
LogOdds = Callable[[Sequence[str]], Sequence[float]]

MAX_PHRASES = 3
_MAX_CLAUSES = 8  # with the text itself, and three texts without a clause, twelve texts are judged
_MIN_LOG_ODDS = 1.0  # alone and as the text's loss together; below, nothing clearly drove
_MIN_SHARE = 0.3  # of what the strongest phrase drove
_SEPARATORS = re.compile(
    r"[.,;:!?…]+(?=\s|$)|[，。！？；：、…～—\n]+\s*(?:但是?|不过|可是|而且|所以|然而)?|但是|可是|然而|\s[-–]+\s|"
    r"(?<=\s)(?:but|and|because|though|although|however|while|whereas|except)\s+(?=\S+\s+\S+\s+\S)",
    re.I,
)
_EDGES = ' \t\r\n\u3000"“”「」()（）[]【】*_~-.,;:!?…'
_JOINED_TO_WHAT_IS_BEFORE = {"Mn", "Mc", "Me", "Cf", "Sk"}  # categories of marks, joiners and skin tones


def driving_phrases(text: str, log_odds: LogOdds) -> list[Span]:
    """At most three spans in the text's order; none where nothing clearly drove.

    `log_odds`: the log-odds of the text's label for each of some texts; it is asked for twelve texts at most.
    """
    clauses = _at_most(clauses_of(text))
    whole, *alone = log_odds([text, *(text[start:end] for start, end in clauses)])
    strongest = sorted(zip(alone, clauses, strict=True), reverse=True)[:MAX_PHRASES]
    without = log_odds([f"{text[:start]} {text[end:]}" for _, (start, end) in strongest])
    losses = [whole - rest for rest in without]
    drove = {span: odds + loss for (odds, span), loss in zip(strongest, losses, strict=True) if loss > 0}
    least = max(_MIN_LOG_ODDS, _MIN_SHARE * max(drove.values(), default=0.0))
    return sorted(span for span, value in drove.items() if value >= least)


def clauses_of(text: str) -> list[Span]:
    """Cut at punctuation and at words that join clauses, which belong to none; blank ones are left out."""
    cuts = [match.span() for match in _SEPARATORS.finditer(text)]
    starts, ends = [0, *(end for _, end in cuts)], [*(start for start, _ in cuts), len(text)]
    trimmed = (_trimmed(text, start, end) for start, end in zip(starts, ends, strict=True))
    return [(start, end) for start, end in trimmed if start < end]


def _trimmed(text: str, start: int, end: int) -> Span:
    """Without what stands at the edges of words, and never beginning within a character that is several code points."""
    while end > start and text[end - 1] in _EDGES:
        end -= 1
    while start < end and (text[start] in _EDGES or unicodedata.category(text[start]) in _JOINED_TO_WHAT_IS_BEFORE):
        start += 1
    return start, end


def _at_most(clauses: list[Span]) -> list[Span]:
    """Neighbours that are shortest together become one until there are few enough."""
    joined = list(clauses)
    while len(joined) > _MAX_CLAUSES:
        first = min(range(len(joined) - 1), key=lambda i: joined[i + 1][1] - joined[i][0])
        joined[first : first + 2] = [(joined[first][0], joined[first + 1][1])]
    return joined
