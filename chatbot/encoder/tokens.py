"""Text to the encoder's token ids: its own table of characters, then SentencePiece's unigram model (Kudo 2018).

Written out here, for `tokenizers` needs a quarter of a gigabyte for the 250,000 pieces, and a dictionary 40 MB.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

from chatbot.encoder.weights import EncoderFile

# A prefix tells the encoder what it reads; one for all makes a text's vector the same wherever it stands.
PREFIX = "query: "
MAX_CHARS = 2000  # the vector is a mean over the tokens: of what is longer it says less, and costs time
_SPACES = re.compile(" {2,}")
_WORD = re.compile("▁[^▁]*")  # a piece never goes across the beginning of a word
_UNKNOWN_PENALTY = 10.0
_WORDS_KEPT = 20_000


class TextTokenizer:
    """Safe to use from several threads."""

    def __init__(self, file: EncoderFile) -> None:
        self._begin_id, self._end_id, self._unknown_id = file.begin_id, file.end_id, file.unknown_id
        self._max_tokens = file.sizes.num_positions
        self._characters = file.characters
        self._pieces = {piece: (number, score) for number, (piece, score) in enumerate(file.pieces)}
        self._longest = max(map(len, self._pieces))
        self._unknown_score = min(score for _, score in file.pieces) - _UNKNOWN_PENALTY
        self._word_ids = lru_cache(_WORDS_KEPT)(self._segment)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text with its prefix, cut to what the encoder has positions for."""
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> list[int]:
        plain = (PREFIX + text[:MAX_CHARS].strip()).translate(self._characters)
        marked = "▁" + _SPACES.sub(" ", plain).replace(" ", "▁")
        ids = [number for word in _WORD.findall(marked) for number in self._ids_of(word)]
        return [self._begin_id, *ids[: self._max_tokens - 2], self._end_id]

    def _ids_of(self, word: str) -> tuple[int, ...]:
        """Words are remembered; whole messages (Chinese has no spaces) are customers' own and don't come back."""
        return self._word_ids(word) if len(word) <= self._longest else self._segment(word)

    def _segment(self, word: str) -> tuple[int, ...]:
        """The pieces with the greatest sum of scores (Viterbi); a character that none covers is unknown."""
        best, came_from = [0.0] + [float("-inf")] * len(word), [(0, self._unknown_id)] * (len(word) + 1)
        for end in range(1, len(word) + 1):
            best[end], came_from[end] = best[end - 1] + self._unknown_score, (end - 1, self._unknown_id)
            for start in range(max(0, end - self._longest), end):
                found = self._pieces.get(word[start:end])
                if found is not None and best[start] + found[1] > best[end]:
                    best[end], came_from[end] = best[start] + found[1], (start, found[0])
        ids, at = [], len(word)
        while at > 0:
            at, number = came_from[at]
            ids.append(number)
        return tuple(reversed(ids))
