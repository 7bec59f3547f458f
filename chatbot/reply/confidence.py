"""How likely it is that the first candidate answers the question."""

from collections.abc import Sequence

from chatbot.knowledge.index import Candidate


def probability_right(question: str, candidates: Sequence[Candidate]) -> float:
    """The ranker's probability; 0 for no candidates, 1 when the question is one of the entry's own, word for word."""
    if not candidates:
        return 0.0
    return 1.0 if is_own_question(question, candidates[0]) else candidates[0].score


def is_own_question(question: str, candidate: Candidate) -> bool:
    """As when the customer takes one of the options that a clarifying question offered."""
    plain = _plain(question)
    return any(plain == _plain(own) for own in candidate.entry.questions)


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
