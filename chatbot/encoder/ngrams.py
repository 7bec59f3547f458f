"""A text as a bag of its letters' sequences: what moods are worded with, typing slips included. Knows no labels.

Chinese by one to three characters; other text by two to five letters, by words and by pairs of words. Each sequence is
hashed to a bucket (Weinberger et al. 2009).
"""

import re
import zlib
from collections.abc import Iterator
from itertools import pairwise

NUM_BUCKETS = 2**16
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"[a-z']+|[!?]+")
_SPACES = re.compile(r"\s+")


def buckets_of(text: str) -> list[int]:
    """The buckets of a text's sequences, each once, ascending."""
    return sorted({zlib.crc32(one.encode()) % NUM_BUCKETS for one in _sequences(text)})


def _sequences(text: str) -> Iterator[str]:
    plain = f" {_SPACES.sub(' ', text.lower()).strip()} "
    lengths = (1, 2, 3) if _HAN.search(plain) else (2, 3, 4, 5)
    for length in lengths:
        for start in range(len(plain) - length + 1):
            yield plain[start : start + length]
    words = _WORD.findall(plain)
    yield from (f"\0{word}" for word in words)
    yield from (f"\0{first} {second}" for first, second in pairwise(words))
