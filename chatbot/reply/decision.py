"""What to do with a turn: answer, ask back, decline, hand over, or small talk. Decides; writes no text.

`Decision.confidence` is the estimated probability that the first entry answers the question (for `answer`, `clarify`
and `decline`), or that the turn is of the kind that the action is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chatbot.knowledge.index import NUM_COMPARED, Candidate
from chatbot.reply.confidence import contradict, distinct_questions, owners, probability_right
from chatbot.reply.intents import Intent, Reading
from chatbot.reply.questions import leans_on_history
from chatbot.reply.readable import is_other_language
from chatbot.reply.texts import TextName

Action = Literal["answer", "clarify", "decline", "handoff", "smalltalk"]

# Chosen on the development knowledge bases and held-out companies: docs/experiments.md, "Answers".
MIN_CONFIDENCE_TO_ANSWER = 0.32
MIN_CONFIDENCE_IN_SMALL_BASE = 0.55  # with little to compare with, the ranker is surer than it is right
# Of the bare turn, to leave out what was said before it: "One training of everything" there.
MIN_CONFIDENCE_ALONE = 0.6
MIN_CONFIDENCE_ALONE_LEANING = 0.68  # where it looks as if it needs that
MIN_CONFIDENCE_TO_CLARIFY = 0.35  # that one of the options is the right one
MIN_CONFIDENCE_OVER_SMALLTALK = 0.6
MAX_OPTIONS = 3


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`candidates`: the entry to answer with, or those to offer; `text`: the fixed text for the other actions."""

    action: Action
    confidence: float
    candidates: tuple[Candidate, ...] = ()
    text: TextName = "decline"


def decide(question: str, candidates: Sequence[Candidate], reading: Reading | None) -> Decision:
    """Weighs what kind of turn it is against how well the best entries fit it."""
    decision = _decide(question, candidates, reading)
    is_understood = decision.action == "answer" or decision.text not in ("clarify", "decline", "chat")
    if not is_understood and is_other_language(question):
        return Decision(action="decline", confidence=decision.confidence, text="other_language")
    return decision


def _decide(question: str, candidates: Sequence[Candidate], reading: Reading | None) -> Decision:
    confidence = probability_right(question, candidates)
    if reading is not None and _reading_wins(reading, confidence):
        return of_reading(reading)
    if confidence >= min_confidence_to_answer(candidates):
        return _of_sure(question, candidates, confidence)
    options = tuple(distinct_questions(candidates)[:MAX_OPTIONS])
    if len(options) > 1 and probability_of_options(candidates) >= MIN_CONFIDENCE_TO_CLARIFY:
        return Decision(action="clarify", confidence=confidence, candidates=options, text="clarify")
    return Decision(action="decline", confidence=1 - confidence, text="decline")


def _of_sure(question: str, candidates: Sequence[Candidate], confidence: float) -> Decision:
    """Answers, unless the company's own texts leave it open which answer is meant or true."""
    rivals = tuple(distinct_questions(owners(question, candidates))[:MAX_OPTIONS])
    if len(rivals) > 1:
        return Decision(action="clarify", confidence=confidence, candidates=rivals, text="clarify")
    if contradict(candidates):
        return Decision(action="decline", confidence=confidence, text="conflict")
    return Decision(action="answer", confidence=confidence, candidates=(candidates[0],))


def probability_of_options(candidates: Sequence[Candidate]) -> float:
    """That one of the entries that a question back would offer is the right one."""
    return min(1.0, sum(candidate.score for candidate in candidates[:MAX_OPTIONS]))


def is_unsure(question: str, candidates: Sequence[Candidate]) -> bool:
    """Whether these candidates aren't enough to answer."""
    return probability_right(question, candidates) < min_confidence_to_answer(candidates)


def is_sure_alone(question: str, candidates: Sequence[Candidate]) -> bool:
    """Whether what the bare turn found is enough, whatever was said before it."""
    leans = leans_on_history(question)
    return probability_right(question, candidates) >= (MIN_CONFIDENCE_ALONE_LEANING if leans else MIN_CONFIDENCE_ALONE)


def min_confidence_to_answer(candidates: Sequence[Candidate]) -> float:
    """`candidates`: all that the search compared."""
    return MIN_CONFIDENCE_TO_ANSWER if len(candidates) >= NUM_COMPARED else MIN_CONFIDENCE_IN_SMALL_BASE


def of_reading(reading: Reading) -> Decision:
    actions: dict[Intent, Action] = {
        Intent.PERSON: "handoff",
        Intent.REFUSE: "decline",
        Intent.SMALLTALK: "smalltalk",
    }
    return Decision(action=actions[reading.intent], confidence=reading.confidence, text=reading.text)


def _reading_wins(reading: Reading, confidence: float) -> bool:
    return reading.is_certain or reading.confidence >= max(MIN_CONFIDENCE_OVER_SMALLTALK, confidence)
