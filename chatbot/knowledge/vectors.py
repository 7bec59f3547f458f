"""The vectors of texts, kept in the database: encoding a thousand texts takes seconds, reading them milliseconds."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from chatbot.encoder.encoder import SentenceEncoder, Vectors
from chatbot.knowledge.models import TextVector

_KEYS_AT_ONCE = 500
_STORED = np.float16
# Rows that no answer needs any more are taken out once they outnumber by this much those that one does.
_MAX_SURPLUS = 3


def vectors_of(
    texts: Sequence[str], encoder: SentenceEncoder, *, known: Mapping[str, Vectors]
) -> tuple[dict[str, Vectors], int]:
    """Each text's vector, and how many had to be encoded: those that are neither `known` nor stored."""
    keys = {text: _key(text, encoder) for text in texts if text not in known}
    stored = _read([*keys.values()])
    new = [text for text, key in keys.items() if key not in stored]
    fresh = dict(zip(new, encoder.encode(new), strict=True)) if new else {}
    _write({keys[text]: vector for text, vector in fresh.items()})
    _tidy(texts, encoder)
    return {
        text: known[text] if text in known else fresh[text] if text in fresh else stored[keys[text]] for text in texts
    }, len(new)


def _key(text: str, encoder: SentenceEncoder) -> str:
    return hashlib.sha256(f"{encoder.version}\0{text}".encode()).hexdigest()


def _read(keys: Sequence[str]) -> dict[str, Vectors]:
    found: dict[str, Vectors] = {}
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        rows = TextVector.objects.filter(pk__in=keys[start : start + _KEYS_AT_ONCE]).values_list("pk", "vector")
        found |= {key: np.frombuffer(bytes(vector), dtype=_STORED).astype(np.float32) for key, vector in rows}
    return found


def _write(vectors: Mapping[str, Vectors]) -> None:
    rows = [TextVector(key=key, vector=vector.astype(_STORED).tobytes()) for key, vector in vectors.items()]
    TextVector.objects.bulk_create(rows, batch_size=_KEYS_AT_ONCE, ignore_conflicts=True)


def _tidy(texts: Sequence[str], encoder: SentenceEncoder) -> None:
    if TextVector.objects.count() <= (1 + _MAX_SURPLUS) * max(len(texts), _KEYS_AT_ONCE):
        return
    needed = {_key(text, encoder) for text in texts}
    surplus = [key for key in TextVector.objects.values_list("pk", flat=True).iterator() if key not in needed]
    for start in range(0, len(surplus), _KEYS_AT_ONCE):
        TextVector.objects.filter(pk__in=surplus[start : start + _KEYS_AT_ONCE]).delete()
