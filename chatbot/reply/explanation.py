"""Why a reply is what it is, JSON-ready for agents: the probabilities, the thresholds and a stable reason code.

Describes what `decision.py` decided; decides nothing and words nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from chatbot.knowledge.index import Candidate
from chatbot.reply.confidence import is_own_question, probability_right
from chatbot.reply.decision import (
    MIN_CONFIDENCE_OVER_SMALLTALK,
    MIN_CONFIDENCE_TO_CLARIFY,
    Decision,
    min_confidence_to_answer,
    probability_of_options,
)
from chatbot.reply.intents import Intent, Reading
from chatbot.reply.multiple import MIN_PROBABILITY_OF_SEVERAL
from chatbot.reply.reading import MIN_PROBABILITY
from chatbot.reply.texts import TextName

Reason = Literal[
    "sure_of_entry",
    "own_question",
    "several_questions",
    "entries_compete",
    "nothing_fits",
    "no_answers",
    "wants_person",
    "accepted_person",
    "complaint",
    "bends_the_bot",
    "smalltalk",
    "answers_contradict",
    "other_language",
    "no_words",
]
THRESHOLDS = {
    "clarify": MIN_CONFIDENCE_TO_CLARIFY,
    "intent": MIN_PROBABILITY,
    "several": MIN_PROBABILITY_OF_SEVERAL,
    "person_or_smalltalk": MIN_CONFIDENCE_OVER_SMALLTALK,
}
_ENTRIES_SHOWN = 5
_REASONS_TO_DECLINE: dict[TextName, Reason] = {
    "refuse": "bends_the_bot",
    "conflict": "answers_contradict",
    "other_language": "other_language",
}
_NAMES: dict[str, str] = {Intent.PERSON: "person"}  # the others are called as they are


def explain(
    *,
    decision: Decision,
    question: str,
    candidates: Sequence[Candidate],
    intents: Mapping[str, float],
    reading: Reading | None,
    is_several: bool = False,
    has_accepted_person: bool = False,
) -> dict[str, Any]:
    """`candidates`: what was found, best first; empty where nothing was looked for. `intents`: see `read_turn`."""
    probabilities = {_NAMES.get(name, str(name)): round(share, 4) for name, share in intents.items()}
    if reading is not None and not intents:
        probabilities[_NAMES.get(reading.intent, str(reading.intent))] = reading.confidence
    if candidates:
        probabilities["answer"] = round(probability_right(question, candidates), 4)
        probabilities["clarify"] = round(probability_of_options(candidates), 4)
    reason: Reason = "accepted_person" if has_accepted_person else "several_questions"
    if not has_accepted_person and not is_several:
        reason = _reason(decision, question, candidates)
    return {
        "chosen": decision.action,
        "reason": reason,
        "confidence": round(decision.confidence, 4),
        "probabilities": probabilities,
        "thresholds": {"answer": min_confidence_to_answer(candidates), **THRESHOLDS},
        "entries": [_entry(candidate) for candidate in candidates[:_ENTRIES_SHOWN]],
    }


def _reason(decision: Decision, question: str, candidates: Sequence[Candidate]) -> Reason:
    if decision.action == "answer":
        return "own_question" if is_own_question(question, decision.candidates[0]) else "sure_of_entry"
    if decision.action == "handoff":
        return "complaint" if decision.text == "handoff_complaint" else "wants_person"
    if decision.action == "clarify":
        return "entries_compete"
    if decision.action == "smalltalk":
        return "no_words" if decision.text == "no_words" else "smalltalk"
    if decision.text in _REASONS_TO_DECLINE:
        return _REASONS_TO_DECLINE[decision.text]
    return "nothing_fits" if candidates else "no_answers"


def _entry(candidate: Candidate) -> dict[str, Any]:
    return {"id": candidate.entry.id, "question": candidate.entry.question, "score": round(candidate.score, 4)}
