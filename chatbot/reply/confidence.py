"""How likely it is that the first candidate answers the question. A small trained model over the search's numbers."""

import math
from collections.abc import Sequence

from chatbot.knowledge.index import Candidate


def probability_right(question: str, candidates: Sequence[Candidate]) -> float:
    """0 for no candidates; 1 only when the question is one of the entry's own, word for word."""
    if not candidates:
        return 0.0
    if _same(question, candidates[0]):
        return 1.0
    best = candidates[0].score
    margin = best - candidates[1].score if len(candidates) > 1 else 0.2
    return 1 / (1 + math.exp(-(9 * (best - 0.62) + 5 * (margin - 0.05))))


def _same(question: str, candidate: Candidate) -> bool:
    plain = _plain(question)
    return any(plain == _plain(own) for own in candidate.entry.questions)


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
