"""The customer's turn rewritten by the model so that it needs no history: one more query, never the only one."""

import re
from collections.abc import Sequence

from chatbot.knowledge.bm25 import tokenize
from chatbot.language_model.backends import TextGenerator
from chatbot.language_model.prompt_format import Turn
from chatbot.reply.questions import language_of, leans_on_history

MAX_NEW_TOKENS = 40
TIMEOUT_S = 2.5
_MAX_HISTORY_TURNS = 6
_MAX_CHARS = 200
_MIN_KNOWN_SHARE = 0.6
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def rewrite_question(turns: Sequence[Turn], generator: TextGenerator) -> str:
    """The standalone question, or "" when the turn needs none or what came back isn't one. Raises EngineError."""
    if len(turns) < 2 or not leans_on_history(turns[-1].text):
        return ""
    recent = [Turn(turn.role, turn.text) for turn in turns[-_MAX_HISTORY_TURNS:]]
    while len(recent) > 1:
        prompt = generator.prompt_format.standalone_prompt(recent)
        if len(prompt) + MAX_NEW_TOKENS <= generator.context_length:
            pieces = generator.generate(prompt, max_new_tokens=MAX_NEW_TOKENS, timeout_s=TIMEOUT_S)
            rewritten = " ".join("".join(pieces).split())
            return rewritten if is_sane(rewritten, turns) else ""
        recent = recent[1:]
    return ""


def is_sane(rewritten: str, turns: Sequence[Turn]) -> bool:
    """Whether this may be what the customer asks: their language, and mostly words and only numbers they have seen."""
    if not 4 <= len(rewritten) <= _MAX_CHARS or rewritten == turns[-1].text:
        return False
    if language_of([Turn("customer", rewritten)]) != language_of(turns):
        return False
    said = " ".join(turn.text for turn in turns)
    if set(_NUMBER.findall(rewritten)) - set(_NUMBER.findall(said)):
        return False
    terms, known = tokenize(rewritten), set(tokenize(said))
    if not terms or len(set(terms)) < 0.6 * len(terms):
        return False
    return sum(term in known for term in terms) / len(terms) >= _MIN_KNOWN_SHARE
