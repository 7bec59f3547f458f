"""What kind of turn it is: the rules first, then the trained classifier for what they don't know."""

from chatbot.reply.intent_head import intent_probabilities
from chatbot.reply.intents import Intent, Reading, read_by_rules
from chatbot.reply.questions import asks, parts_of
from chatbot.reply.texts import TextName

MIN_PROBABILITY = 0.6
MIN_PROBABILITY_OF_CLAUSE = 0.8  # a clause says less than a whole turn
_MAX_CLAUSES = 6
_TEXT_OF: dict[Intent, TextName] = {
    Intent.PERSON: "handoff_complaint",
    Intent.REFUSE: "refuse",
    Intent.SMALLTALK: "chat",
}


def read_turn(text: str) -> tuple[Reading | None, dict[str, float]]:
    """The kind of turn, or None for what only asks something about the company; and each intent's probability.

    There are no probabilities where the wording alone decides.
    """
    reading = read_by_rules(text)
    if reading is not None:
        return reading, {}
    probabilities = intent_probabilities(text)
    name = max(probabilities, key=lambda key: probabilities[key])
    intent = Intent(name)
    if intent in (Intent.QUESTION, Intent.SEVERAL) or probabilities[name] < MIN_PROBABILITY:
        return _complaint_of_a_clause(text), probabilities
    return Reading(intent=intent, confidence=probabilities[name], text=_TEXT_OF[intent]), probabilities


def _complaint_of_a_clause(text: str) -> Reading | None:
    """In a turn that asks nothing, one clause may be a plain complaint: "it came quickly, but your staff were rude"."""
    clauses = parts_of(text)[:_MAX_CLAUSES]
    if len(clauses) < 2 or asks(text) or any(asks(clause) for clause in clauses):
        return None
    probability = max(intent_probabilities(clause)[Intent.PERSON] for clause in clauses)
    if probability < MIN_PROBABILITY_OF_CLAUSE:
        return None
    return Reading(intent=Intent.PERSON, confidence=probability, text=_TEXT_OF[Intent.PERSON])
