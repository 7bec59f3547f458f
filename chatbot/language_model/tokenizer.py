"""Owns the way between text and token ids: loading a tokenizer, and decoding a stream of ids as they arrive.

Knows no model. Training a tokenizer is `chatbot.training.tokenizer_training`'s.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast


class IncrementalDecoder:
    """Turns token ids into text as they arrive, for one generation.

    A Chinese character or an emoji may be spread over several byte-level tokens. `feed` returns text only when its
    characters are whole; what is incomplete waits for the next ids. Special tokens give no text. Not for two
    generations at once.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._special_ids = frozenset(tokenizer.all_special_ids)
        self._is_byte_level = is_byte_level(tokenizer)
        # Bytes that can never be UTF-8 are dropped, so no U+FFFD is ever made up.
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._ids: list[int] = []
        self._given = ""

    def feed(self, token_ids: Iterable[int]) -> str:
        """Take the next ids and return the text that is now certain, often empty."""
        new = [token_id for token_id in token_ids if token_id not in self._special_ids]
        if self._is_byte_level:
            return self._utf8.decode(b"".join(map(_bytes_of, self._tokenizer.convert_ids_to_tokens(new))))
        return self._feed_by_decoding(new)

    def flush(self) -> str:
        """Return what is left at the end, without an unfinished character, and start anew."""
        rest = ""
        if not self._is_byte_level:
            rest = self._decode_all().rstrip("\ufffd")[len(self._given) :]
        self._utf8.reset()
        self._ids, self._given = [], ""
        return rest

    def _feed_by_decoding(self, new: list[int]) -> str:
        """For other tokenizers: decode everything so far and hold back an unfinished end."""
        self._ids += new
        text = self._decode_all()
        if text.endswith("\ufffd") or not text.startswith(self._given):
            return ""
        delta, self._given = text[len(self._given) :], text
        return delta

    def _decode_all(self) -> str:
        text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        return text if isinstance(text, str) else ""


def is_byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Tell whether every token stands for bytes, as in GPT-2 and in our own tokenizer."""
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return False
    decoder = json.loads(tokenizer.backend_tokenizer.to_str()).get("decoder") or {}
    return bool(decoder.get("type") == "ByteLevel")


def token_bytes(tokenizer: PreTrainedTokenizerBase) -> list[bytes]:
    """What each token of a byte-level tokenizer stands for, b"" for the special ones. Empty for other tokenizers."""
    if not is_byte_level(tokenizer):
        return []
    special_ids = frozenset(tokenizer.all_special_ids)
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    return [b"" if number in special_ids else _bytes_of(token) for number, token in enumerate(tokens)]


def _bytes_of(token: str | None) -> bytes:
    if token is None:
        return b""
    if all(character in _BYTES for character in token):
        return bytes(_BYTES[character] for character in token)
    return token.encode("utf-8")


def _byte_table() -> dict[str, int]:
    """GPT-2's printable stand-ins for the 256 bytes (Radford et al. 2019, `bytes_to_unicode` in their code)."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {chr(byte): byte for byte in printable}
    others = [byte for byte in range(256) if byte not in set(printable)]
    return table | {chr(256 + number): byte for number, byte in enumerate(others)}


_BYTES = _byte_table()
