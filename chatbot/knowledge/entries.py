"""An approved answer as retrieval sees it, and the texts under which it can be found. Knows no database."""

import re
from dataclasses import dataclass

_SENTENCE_END = re.compile(r"(?<=[。！？])|(?<=[.!?;])\s+|；|\n+")
_TWIN_SUFFIX = re.compile(r"\.(en|zh)\Z")
_MIN_SENTENCE_CHARS = 6


@dataclass(frozen=True, kw_only=True)
class Entry:
    id: str
    language: str
    question: str
    answer: str
    alternatives: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    updated_at: str = ""  # the ISO date of its last version, "" when it isn't known

    @property
    def stem(self) -> str:
        """What twins share: `returns.en` and `returns.zh` say the same in two languages."""
        return _TWIN_SUFFIX.sub("", self.id)

    @property
    def questions(self) -> tuple[str, ...]:
        return (self.question, *self.alternatives)

    @property
    def statements(self) -> tuple[str, ...]:
        """The whole answer, and each of its sentences: any of them may be what is asked for."""
        return tuple(dict.fromkeys([self.answer, *split_sentences(self.answer)]))


def split_sentences(text: str) -> list[str]:
    """The sentences of a text; decimals and addresses stay whole. What is too short to mean anything is left out."""
    parts = (part.strip() for part in _SENTENCE_END.split(text) if part)
    return [part for part in parts if len(part) >= _MIN_SENTENCE_CHARS]
