"""What to do with a turn: answer, ask back, decline, hand over, or small talk. Decides; writes no text.

`Decision.confidence` is the estimated probability that the first entry answers the question (for `answer`, `clarify`
and `decline`), or that the turn is of the kind that the action is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chatbot.knowledge.index import Candidate
from chatbot.reply.confidence import probability_right
from chatbot.reply.intents import Intent, Reading
from chatbot.reply.texts import TextName

Action = Literal["answer", "clarify", "decline", "handoff", "smalltalk"]

# Chosen on the development knowledge bases and held-out companies: docs/experiments.md, "Answers".
MIN_CONFIDENCE_TO_ANSWER = 0.4
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
    confidence = probability_right(question, candidates)
    if reading is not None and _reading_wins(reading, confidence):
        return of_reading(reading)
    if confidence >= MIN_CONFIDENCE_TO_ANSWER:
        return Decision(action="answer", confidence=confidence, candidates=(candidates[0],))
    options = tuple(candidates[:MAX_OPTIONS])
    confidence_in_one = sum(option.score for option in options)
    if confidence_in_one >= MIN_CONFIDENCE_TO_CLARIFY and len(options) > 1:
        return Decision(action="clarify", confidence=confidence, candidates=options, text="clarify")
    return Decision(action="decline", confidence=1 - confidence, text="decline")


def is_unsure(question: str, candidates: Sequence[Candidate]) -> bool:
    """Whether these candidates aren't enough to answer."""
    return probability_right(question, candidates) < MIN_CONFIDENCE_TO_ANSWER


def of_reading(reading: Reading) -> Decision:
    actions: dict[Intent, Action] = {
        Intent.PERSON: "handoff",
        Intent.REFUSE: "decline",
        Intent.SMALLTALK: "smalltalk",
        Intent.QUESTION: "decline",
    }
    return Decision(action=actions[reading.intent], confidence=reading.confidence, text=reading.text)


def _reading_wins(reading: Reading, confidence: float) -> bool:
    if reading.is_certain:
        return True
    if reading.intent == Intent.QUESTION:
        return False
    return reading.confidence >= MIN_CONFIDENCE_OVER_SMALLTALK and reading.confidence >= confidence
