"""Owns the special tokens and the layout of every prompt. Knows nothing of models, databases or Django.

The layout is append-only, so that the next turn's prompt starts with this turn's prompt, reply and end token, and
an engine can reuse its key-value cache:

    <|customer|>text [<|standalone|>question] [<|knowledge|>passage ...] <|bot|>reply<|end|> <|customer|>...

Other layouts:

    turns <|summary|>summary [<|facts|>facts] <|end|>
    <|translate|>text<|bot|>translation<|end|>
    <|customer|>text<|sentiment|><|negative|> | <|neutral|> | <|positive|>

Text that people wrote never becomes a special token: see `TextEncoder`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

Role = Literal["customer", "bot", "agent"]

END_OF_TEXT = "<|endoftext|>"
PAD = "<|pad|>"
CUSTOMER = "<|customer|>"
BOT = "<|bot|>"
AGENT = "<|agent|>"
KNOWLEDGE = "<|knowledge|>"
STANDALONE = "<|standalone|>"
SUMMARY = "<|summary|>"
FACTS = "<|facts|>"
TRANSLATE = "<|translate|>"
SENTIMENT = "<|sentiment|>"
NEGATIVE = "<|negative|>"
NEUTRAL = "<|neutral|>"
POSITIVE = "<|positive|>"
END = "<|end|>"

SPECIAL_TOKENS: tuple[str, ...] = (
    END_OF_TEXT,
    PAD,
    CUSTOMER,
    BOT,
    AGENT,
    KNOWLEDGE,
    STANDALONE,
    SUMMARY,
    FACTS,
    TRANSLATE,
    SENTIMENT,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    END,
)

_ROLE_TOKENS: dict[Role, str] = {"customer": CUSTOMER, "bot": BOT, "agent": AGENT}
_PLAIN_ROLES: dict[Role, str] = {"customer": "Customer", "bot": "Bot", "agent": "Agent"}


@dataclass(frozen=True)
class Turn:
    """One message of a conversation as the model sees it.

    `standalone` (the question rewritten so that it needs no history), `passages` (approved texts, best first) and
    `options` (the questions that the reply offered as buttons; no prompt shows them) belong to a customer turn and are
    ignored on the others.
    """

    role: Role
    text: str
    standalone: str = ""
    passages: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class PromptFormat(Protocol):
    """Turns a conversation into the token ids that a model was trained to continue.

    No method trims: a caller keeps the prompt within the model's `n_positions` by leaving out old turns.
    """

    @property
    def stop_token_ids(self) -> frozenset[int]:
        """The ids after which generation ends."""

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """Texts that end a generation for models without end tokens of their own."""

    def standalone_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return a prompt that the model continues with the last customer turn as a question without history."""

    def reply_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return a prompt that the model continues with the reply to the last customer turn."""

    def summary_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return a prompt that the model continues with a summary of all turns."""

    def translation_prompt(self, text: str) -> list[int]:
        """Return a prompt that the model continues with the text in the other language."""


class TextEncoder:
    """Encodes text in which special tokens have no meaning.

    Works on a copy of the tokenizer's backend whose `encode_special_tokens` is set, so a customer who writes
    `<|bot|>` gets the ordinary tokens of these seven characters. Safe to call from several threads.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not isinstance(tokenizer, PreTrainedTokenizerFast):
            raise TypeError("a fast tokenizer (tokenizer.json) is needed")
        self._backend: Tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._backend.encode_special_tokens = True
        self._backend.no_padding()
        self._backend.no_truncation()

    def encode(self, text: str) -> list[int]:
        """Return the ids of the text, without any begin or end token; empty text gives an empty list."""
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids


class SpecialTokenFormat:
    """The layout for checkpoints whose tokenizer has all of `SPECIAL_TOKENS`."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._encoder = TextEncoder(tokenizer)
        vocabulary = tokenizer.get_vocab()
        self.ids: dict[str, int] = {token: vocabulary[token] for token in SPECIAL_TOKENS}
        stops = (END, END_OF_TEXT, CUSTOMER, BOT, AGENT, KNOWLEDGE, STANDALONE, SUMMARY, PAD)
        self._stop_token_ids = frozenset(self.ids[token] for token in stops)

    @property
    def stop_token_ids(self) -> frozenset[int]:
        """Every structural token ends a generation: `<|end|>` after a reply, `<|knowledge|>` after a question."""
        return self._stop_token_ids

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """Empty: this layout ends with tokens."""
        return ()

    def encode(self, text: str) -> list[int]:
        """Return the ids of text that people wrote; special tokens in it have no meaning."""
        return self._encoder.encode(text.strip())

    def turn_ids(self, turn: Turn) -> list[int]:
        """Return one whole turn; a bot's or agent's turn ends with `<|end|>`, a customer's does not."""
        ids = [self.ids[_ROLE_TOKENS[turn.role]], *self.encode(turn.text)]
        if turn.role != "customer":
            return [*ids, self.ids[END]]
        if turn.standalone:
            ids += [self.ids[STANDALONE], *self.encode(turn.standalone)]
        for passage in turn.passages:
            ids += [self.ids[KNOWLEDGE], *self.encode(passage)]
        return ids

    def standalone_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return all turns up to the last customer's text, then `<|standalone|>`; what came after it is left out."""
        last = _last_customer_index(turns)
        ids = self._all_turn_ids(turns[:last])
        return [*ids, *self.turn_ids(Turn("customer", turns[last].text)), self.ids[STANDALONE]]

    def reply_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return all turns, then `<|bot|>`."""
        return [*self._all_turn_ids(turns), self.ids[BOT]]

    def summary_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return the bare text of all turns (no passages), then `<|summary|>`."""
        bare = [Turn(turn.role, turn.text) for turn in turns]
        return [*self._all_turn_ids(bare), self.ids[SUMMARY]]

    def translation_prompt(self, text: str) -> list[int]:
        """Return `<|translate|>text<|bot|>`."""
        return [self.ids[TRANSLATE], *self.encode(text), self.ids[BOT]]

    def _all_turn_ids(self, turns: Sequence[Turn]) -> list[int]:
        return [token_id for turn in turns for token_id in self.turn_ids(turn)]


class PlainTextFormat:
    """The layout in words, for any causal model without our special tokens (the stock `gpt2`, say).

    A line per turn, so a line break ends every generation; line breaks inside a text become spaces, which also keeps
    a customer from writing a line that looks like the bot's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._encoder = TextEncoder(tokenizer)
        eos = tokenizer.eos_token_id
        self._stop_token_ids = frozenset([int(eos)] if isinstance(eos, int) else [])

    @property
    def stop_token_ids(self) -> frozenset[int]:
        """The tokenizer's end of text, if it has one."""
        return self._stop_token_ids

    @property
    def stop_strings(self) -> tuple[str, ...]:
        """A line break ends the reply."""
        return ("\n",)

    def standalone_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return the conversation and the line `Standalone question:`."""
        last = _last_customer_index(turns)
        lines = [*_plain_lines(turns[:last]), *_plain_lines([Turn("customer", turns[last].text)])]
        return self._encoder.encode("\n".join([*lines, "Standalone question:"]))

    def reply_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return the conversation with its passages and the line `Bot:`."""
        return self._encoder.encode("\n".join([*_plain_lines(turns), "Bot:"]))

    def summary_prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return the conversation and the line `Summary:`."""
        lines = _plain_lines([Turn(turn.role, turn.text) for turn in turns])
        return self._encoder.encode("\n".join([*lines, "Summary:"]))

    def translation_prompt(self, text: str) -> list[int]:
        """Return the text as a line and the line `Translation:`."""
        return self._encoder.encode(f"Text: {_one_line(text)}\nTranslation:")


def prompt_format_for(tokenizer: PreTrainedTokenizerBase) -> PromptFormat:
    """Return the layout that fits a tokenizer: ours if it has all our special tokens, else plain text."""
    if set(SPECIAL_TOKENS) <= tokenizer.get_vocab().keys():
        return SpecialTokenFormat(tokenizer)
    return PlainTextFormat(tokenizer)


def _last_customer_index(turns: Sequence[Turn]) -> int:
    for index in range(len(turns) - 1, -1, -1):
        if turns[index].role == "customer":
            return index
    raise ValueError("a conversation without a customer turn has no question")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _plain_lines(turns: Sequence[Turn]) -> list[str]:
    lines: list[str] = []
    for turn in turns:
        lines.append(f"{_PLAIN_ROLES[turn.role]}: {_one_line(turn.text)}")
        if turn.role == "customer":
            if turn.standalone:
                lines.append(f"Standalone question: {_one_line(turn.standalone)}")
            lines += [f"Knowledge: {_one_line(passage)}" for passage in turn.passages]
    return lines
