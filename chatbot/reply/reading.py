"""What kind of turn it is: the rules first, then the trained classifier for what they don't know."""

from chatbot.reply.intent_head import intent_probabilities
from chatbot.reply.intents import Intent, Reading, read_by_rules
from chatbot.reply.texts import TextName

MIN_PROBABILITY = 0.6
_TEXT_OF: dict[Intent, TextName] = {
    Intent.PERSON: "handoff_complaint",
    Intent.REFUSE: "refuse",
    Intent.SMALLTALK: "chat",
}


def read_turn(text: str) -> tuple[Reading | None, dict[str, float]]:
    """The kind of turn, or None for what is simply a question about the company; and each intent's probability.

    There are no probabilities where the wording alone decides.
    """
    reading = read_by_rules(text)
    if reading is not None:
        return reading, {}
    probabilities = intent_probabilities(text)
    name = max(probabilities, key=lambda key: probabilities[key])
    intent = Intent(name)
    if intent == Intent.QUESTION or probabilities[name] < MIN_PROBABILITY:
        return None, probabilities
    return Reading(intent=intent, confidence=probabilities[name], text=_TEXT_OF[intent]), probabilities
