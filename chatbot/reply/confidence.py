"""How likely it is that the first candidate answers the question, and which candidates can't be told apart."""

from collections.abc import Sequence

from chatbot.knowledge.index import Candidate


def probability_right(question: str, candidates: Sequence[Candidate]) -> float:
    """The ranker's probability; 0 for no candidates, 1 when the question is one of the entry's own, word for word."""
    if not candidates:
        return 0.0
    if is_own_question(question, candidates[0]):
        return 1.0
    return min(1.0, sum(candidate.score for candidate in same_question(candidates)))


def is_own_question(question: str, candidate: Candidate) -> bool:
    """As when the customer takes one of the options that a clarifying question offered."""
    plain = _plain(question)
    return any(plain == _plain(own) for own in candidate.entry.questions)


def owners(question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The entries whose own question this is: those that are called so, else those that have it among others."""
    own = [candidate for candidate in candidates if is_own_question(question, candidate)]
    return [candidate for candidate in own if _is_called(question, candidate)] or own


def own_first(question: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The question's owners before all others."""
    own = owners(question, candidates)
    return [*own, *(candidate for candidate in candidates if candidate not in own)]


def same_question(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The first and those that are called the same: nobody could choose between them by their questions."""
    return [candidate for candidate in candidates if _is_called(candidates[0].entry.question, candidate)]


def distinct_questions(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Without those that are called like an earlier one."""
    return list({_plain(one.entry.question): one for one in reversed(candidates)}.values())[::-1]


def contradict(candidates: Sequence[Candidate]) -> bool:
    """Whether entries with the first one's question don't say the same."""
    return len({_plain(candidate.entry.answer) for candidate in same_question(candidates)}) > 1


def _is_called(question: str, candidate: Candidate) -> bool:
    return _plain(question) == _plain(candidate.entry.question)


def _plain(text: str) -> str:
    return "".join(character for character in text.lower() if character.isalnum())
