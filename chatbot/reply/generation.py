"""The reply in the model's words, shown only as far as the approved passage supports it; else the passage itself."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chatbot.language_model.backends import TextGenerator
from chatbot.language_model.prompt_format import Turn
from chatbot.reply.fact_lock import FactLock
from chatbot.reply.readable import HAN
from chatbot.reply.support import SupportChecker

OnText = Callable[[str], None]

TIMEOUT_S = 6.0  # who waits longer is better served with the approved text
MAX_NEW_TOKENS = 160
_MIN_NEW_TOKENS = 24
_TOKENS_PER_CHARACTER, _TOKENS_PER_HAN = 0.3, 0.9
_PIECE = re.compile(r"\S+\s*|\s+")
_PIECE_ZH = re.compile(r"[\u3400-\u9fff]{1,2}[，。；：！？、]*|[^\s\u3400-\u9fff]+\s*|\s+")


@dataclass(frozen=True, kw_only=True)
class GeneratedReply:
    """`text` is "" when nothing supported came out; `violation` says why."""

    text: str
    violation: str = ""


def generate_supported(
    turns: Sequence[Turn], passage: str, generator: TextGenerator, on_text: OnText
) -> GeneratedReply:
    """Generates a reply to the last turn, which carries the passage. Raises EngineError, after some text too.

    The lock keeps facts that stand nowhere from being written at all; the check sees to what the rest says.
    """
    if not generator.follows_grammars:
        return GeneratedReply(text="", violation="the model can't be locked to the facts")
    prompt, max_new_tokens = _prompt(turns, passage, generator)
    if not prompt:
        return GeneratedReply(text="", violation="doesn't fit the model's context")
    asked = (turns[-1].text, turns[-1].standalone)
    checker = SupportChecker(passage=passage, question=" ".join(asked))
    lock = FactLock([passage, *asked])
    pieces = generator.generate(prompt, max_new_tokens=max_new_tokens, timeout_s=TIMEOUT_S, grammar=lock)
    text, num_shown = "", 0
    try:
        for piece in pieces:
            text += piece
            num_supported = checker.supported_length(text)
            if checker.violation:
                return GeneratedReply(text="", violation=checker.violation)
            if num_supported > num_shown:
                num_shown = num_supported
                on_text(text[:num_shown].strip())
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()  # cancels the request when the reply was stopped half-way
    text = text.strip()
    if violation := checker.check_whole(text):
        return GeneratedReply(text="", violation=violation)
    on_text(text)
    return GeneratedReply(text=text)


def show_word_by_word(text: str, on_text: OnText) -> None:
    """Hands out a text that is known already in growing pieces."""
    pattern = _PIECE_ZH if HAN.search(text) else _PIECE
    for match in pattern.finditer(text):
        on_text(text[: match.end()].rstrip())
    on_text(text)


def _prompt(turns: Sequence[Turn], passage: str, generator: TextGenerator) -> tuple[list[int], int]:
    """The prompt with as many turns as fit beside a reply as long as the passage; empty when none does."""
    num_han = len(HAN.findall(passage))
    length = num_han * _TOKENS_PER_HAN + (len(passage) - num_han) * _TOKENS_PER_CHARACTER
    max_new_tokens = min(MAX_NEW_TOKENS, _MIN_NEW_TOKENS + int(length))
    recent = list(turns)
    while recent:
        prompt = generator.prompt_format.reply_prompt(recent)
        if len(prompt) + max_new_tokens <= generator.context_length:
            return prompt, max_new_tokens
        recent = recent[1:]
    return [], 0
