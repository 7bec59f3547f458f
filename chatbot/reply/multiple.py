"""A turn that holds two questions: divided where both halves find different entries with confidence, or answered with
the two entries that the whole turn finds, where it reads as if it asked several things."""

from collections.abc import Sequence

from chatbot.knowledge.index import NUM_COMPARED, Candidate, KnowledgeIndex
from chatbot.reply.confidence import contradict, distinct_questions, is_own_question, probability_right
from chatbot.reply.questions import asks, parts_of

MIN_SHARE_OF_PART = 0.6  # of the probability that any entry answers the part
MIN_CONFIDENCE_OF_PART = 0.25  # a part says less than a whole question
MAX_ANSWERS = 3
# On companies that the ranker knows but encoder and reader don't: docs/experiments.md, "One training of everything".
MIN_PROBABILITY_OF_SEVERAL = 0.6  # that the turn asks several things
MIN_CONFIDENCE_OF_BOTH = 0.5  # of the two best entries together
MIN_CONFIDENCE_OF_SECOND, MIN_TIMES_THIRD = 0.06, 2.0  # the ranker gives most to one entry even where two answer


def answers_to_parts(
    question: str, knowledge: KnowledgeIndex, candidates: Sequence[Candidate], language: str
) -> tuple[Candidate, ...]:
    """One candidate per question that the turn holds, in their order; empty when it is a single question.

    Each part must be sure of its entry, and that entry must be among the whole turn's candidates, so that a clause
    that only tells a story doesn't bring an answer of its own.
    """
    parts = [part for part in parts_of(question) if asks(part)]
    if len(parts) < 2:
        return ()
    stems = {candidate.entry.stem for candidate in candidates}
    found: dict[str, Candidate] = {}
    for part in parts:
        ranked = knowledge.search([part], top_k=NUM_COMPARED, language=language)
        if ranked and ranked[0].entry.stem in stems and _is_sure(part, ranked) and not contradict(ranked):
            found.setdefault(ranked[0].entry.stem, ranked[0])
    return tuple(found.values())[:MAX_ANSWERS] if len(found) > 1 else ()


def answers_together(
    question: str, candidates: Sequence[Candidate], probability_of_several: float
) -> tuple[Candidate, ...]:
    """The two best entries where they share the probability and the turn asks several things; else none.

    For what can't be divided: "A and B, how much is each?", or a half that leans on the other.
    """
    best = distinct_questions(candidates)[:MAX_ANSWERS]
    if probability_of_several < MIN_PROBABILITY_OF_SEVERAL or len(best) < 2 or is_own_question(question, best[0]):
        return ()
    first, second, third = *(candidate.score for candidate in best), *[0.0] * (MAX_ANSWERS - len(best))
    is_second = second >= max(MIN_CONFIDENCE_OF_SECOND, MIN_TIMES_THIRD * third)
    is_sure = is_second and first + second >= MIN_CONFIDENCE_OF_BOTH
    return tuple(best[:2]) if is_sure and not contradict(candidates) else ()


def _is_sure(part: str, ranked: Sequence[Candidate]) -> bool:
    confidence = probability_right(part, ranked)
    share = ranked[0].score / max(sum(candidate.score for candidate in ranked), 1e-9)
    return confidence >= MIN_CONFIDENCE_OF_PART and max(share, confidence) >= MIN_SHARE_OF_PART
