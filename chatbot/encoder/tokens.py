"""Text to the encoder's token ids: its own table of characters, then SentencePiece's unigram model."""

import re
from collections.abc import Sequence

from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace

from chatbot.encoder.weights import EncoderFile

# A prefix tells the encoder what it reads; one for all makes a text's vector the same wherever it stands.
PREFIX = "query: "
MAX_CHARS = 2000  # the vector is a mean over the tokens: of what is longer it says less, and costs time
_SPACES = re.compile(" {2,}")


class TextTokenizer:
    """Safe to use from several threads."""

    def __init__(self, file: EncoderFile) -> None:
        self._begin_id, self._end_id = file.begin_id, file.end_id
        self._max_tokens = file.sizes.num_positions
        self._characters = file.characters
        self._tokenizer = Tokenizer(Unigram(file.pieces, unk_id=file.unknown_id))
        self._tokenizer.pre_tokenizer = Metaspace(replacement="▁", prepend_scheme="always")

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text with its prefix, cut to what the encoder has positions for."""
        plain = [_SPACES.sub(" ", (PREFIX + text[:MAX_CHARS].strip()).translate(self._characters)) for text in texts]
        found = self._tokenizer.encode_batch_fast(plain)
        return [[self._begin_id, *one.ids[: self._max_tokens - 2], self._end_id] for one in found]
