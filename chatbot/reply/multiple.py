"""A turn that holds two questions: divided where both halves find different entries with confidence."""

from collections.abc import Sequence

from chatbot.knowledge.index import Candidate, KnowledgeIndex
from chatbot.reply.confidence import probability_right
from chatbot.reply.questions import parts_of

MIN_CONFIDENCE_OF_PART = 0.5
MAX_ANSWERS = 3


def answers_to_parts(
    question: str, knowledge: KnowledgeIndex, candidates: Sequence[Candidate], language: str
) -> tuple[Candidate, ...]:
    """One candidate per question that the turn holds, in their order; empty when it is a single question.

    Each part must be sure of its entry, and that entry must be among the whole turn's candidates, so that a clause
    that only tells a story doesn't bring an answer of its own.
    """
    parts = parts_of(question)
    if len(parts) < 2:
        return ()
    stems = {candidate.entry.stem for candidate in candidates}
    found: dict[str, Candidate] = {}
    for part in parts:
        best = knowledge.search([part], top_k=2, language=language)
        if best and best[0].entry.stem in stems and probability_right(part, best) >= MIN_CONFIDENCE_OF_PART:
            found.setdefault(best[0].entry.stem, best[0])
    return tuple(found.values())[:MAX_ANSWERS] if len(found) > 1 else ()
