"""The vectors of texts, kept in the database: encoding a thousand texts takes seconds, reading them milliseconds."""

import hashlib
import logging
from collections.abc import Mapping, Sequence

import numpy as np
from django.db import DatabaseError, transaction

from chatbot.encoder.encoder import DIMENSIONS, SentenceEncoder, Vectors
from chatbot.knowledge.models import TextVector

log = logging.getLogger(__name__)

_KEYS_AT_ONCE = 200
_STORED = np.dtype(np.float16)
# Rows that no answer needs any more are taken out once they outnumber by this much those that one does.
_MAX_SURPLUS, _MIN_KEPT = 3, 500


def vectors_of(
    texts: Sequence[str], encoder: SentenceEncoder, *, known: Mapping[str, Vectors]
) -> tuple[dict[str, Vectors], int]:
    """Each text's vector, and how many had to be encoded: those that are neither `known` nor stored.

    What is encoded is stored some hundred texts at a time, so that a process that is killed has lost little.
    """
    keys = {text: _key(text, encoder) for text in texts if text not in known}
    found = dict(known)
    num_encoded = 0
    for part in _parts(list(keys)):
        stored = _read([keys[text] for text in part])
        new = [text for text in part if keys[text] not in stored]
        fresh = {text: vector.astype(_STORED) for text, vector in zip(new, encoder.encode(new), strict=True)}
        _write({keys[text]: vector for text, vector in fresh.items()})
        found |= {text: (fresh[text] if text in fresh else stored[keys[text]]).astype(np.float32) for text in part}
        num_encoded += len(new)
    if num_encoded:
        _tidy({_key(text, encoder) for text in texts})
    return {text: found[text] for text in texts}, num_encoded


def _key(text: str, encoder: SentenceEncoder) -> str:
    return hashlib.sha256(f"{encoder.version}\0{text}".encode()).hexdigest()


def _parts(values: Sequence[str]) -> list[Sequence[str]]:
    return [values[start : start + _KEYS_AT_ONCE] for start in range(0, len(values), _KEYS_AT_ONCE)]


def _read(keys: Sequence[str]) -> dict[str, Vectors]:
    """A row of another length is damaged: its text is encoded again."""
    rows = TextVector.objects.filter(pk__in=keys).values_list("pk", "vector")
    size = DIMENSIONS * _STORED.itemsize
    return {key: np.frombuffer(bytes(vector), dtype=_STORED) for key, vector in rows if len(vector) == size}


def _write(vectors: Mapping[str, Vectors]) -> None:
    """In the order of the keys, so that two workers don't wait for each other. Without the rows all goes on, slower."""
    rows = [TextVector(key=key, vector=vector.tobytes()) for key, vector in sorted(vectors.items())]
    try:
        with transaction.atomic():
            TextVector.objects.bulk_create(rows, update_conflicts=True, unique_fields=["key"], update_fields=["vector"])
    except DatabaseError as error:
        log.warning("vectors of answers could not be kept (%s)", error)


def _tidy(needed: set[str]) -> None:
    try:
        if TextVector.objects.count() <= (1 + _MAX_SURPLUS) * max(len(needed), _MIN_KEPT):
            return
        surplus = [key for key in TextVector.objects.values_list("pk", flat=True).iterator() if key not in needed]
        for part in _parts(surplus):
            TextVector.objects.filter(pk__in=part).delete()
    except DatabaseError as error:
        log.warning("vectors that no answer needs could not be taken out (%s)", error)
