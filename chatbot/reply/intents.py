"""What kind of turn it is, apart from what it asks: a wish for a person, an attempt to bend the bot, small talk.

Rules for what can be told by its wording; `reading.py` adds a trained classifier for the rest.
"""

from dataclasses import dataclass
from enum import StrEnum

from chatbot.reply import wording
from chatbot.reply.readable import has_words
from chatbot.reply.texts import TextName


class Intent(StrEnum):
    QUESTION = "question"
    SEVERAL = "several"
    PERSON = "handoff"
    REFUSE = "refuse"
    SMALLTALK = "smalltalk"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`is_certain`: the wording leaves no doubt, so it needs no look at the answers. `text`: what to say to it."""

    intent: Intent
    confidence: float
    text: TextName
    is_certain: bool = False


_SMALLTALK: tuple[tuple[wording.Phrases, TextName], ...] = (
    (wording.GOODBYE, "goodbye"),
    (wording.GREETING, "greeting"),
    (wording.THANKS, "thanks"),
)


def is_yes(text: str) -> bool:
    return wording.YES.fit(text)


def read_by_rules(text: str) -> Reading | None:
    """What the wording alone says, or None when it takes more than that."""
    if not has_words(text):
        return Reading(intent=Intent.SMALLTALK, confidence=1.0, text="no_words", is_certain=True)
    if wording.BENDS_THE_BOT.search(text):
        return Reading(intent=Intent.REFUSE, confidence=0.95, text="refuse", is_certain=True)
    for phrases, name in _SMALLTALK:
        if phrases.fit(text):
            return Reading(intent=Intent.SMALLTALK, confidence=0.95, text=name, is_certain=True)
    if wording.ASKS_WHAT_I_AM.search(text):
        return Reading(intent=Intent.SMALLTALK, confidence=0.95, text="about_me", is_certain=True)
    if wording.WANTS_PERSON.search(text):
        return Reading(intent=Intent.PERSON, confidence=0.9, text="handoff", is_certain=True)
    return None
