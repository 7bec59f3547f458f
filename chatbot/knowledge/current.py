"""This process's index of the live answers, as they are in the database now."""

import logging
import threading
import uuid

from chatbot.encoder.encoder import get_encoder
from chatbot.knowledge.index import KnowledgeIndex, texts_of
from chatbot.knowledge.models import Answer, KnowledgeRevision
from chatbot.knowledge.services import entry_of
from chatbot.knowledge.vectors import vectors_of

log = logging.getLogger(__name__)

_Revision = tuple[int, uuid.UUID | None]


class _IndexHolder:
    """The index and the revision that it was built from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: tuple[_Revision, KnowledgeIndex] | None = None

    def get(self) -> KnowledgeIndex:
        revision = _read_revision()
        held = self._current
        if held is not None and held[0] == revision:
            return held[1]
        if held is not None and self._lock.locked():
            return held[1]  # a thread is building the new one: a reply must not wait for a large import
        with self._lock:
            revision = _read_revision()  # before the rows: a write in between only means one more build
            held = self._current
            if held is None or held[0] != revision:
                held = (revision, _build_index(reuse=held[1] if held else None))
                self._current = held
            return held[1]


_holder = _IndexHolder()


def current_index() -> KnowledgeIndex:
    """The index of the live answers. One short query when nothing changed."""
    return _holder.get()


def _build_index(reuse: KnowledgeIndex | None) -> KnowledgeIndex:
    entries = [entry_of(answer) for answer in Answer.objects.live()]
    vectors, num_encoded = vectors_of(texts_of(entries), get_encoder(), known=reuse.vectors if reuse else {})
    log.info("indexed %s answers, %s texts new", len(entries), num_encoded)
    return KnowledgeIndex(entries, vectors=vectors)


def _read_revision() -> _Revision:
    found = KnowledgeRevision.objects.filter(pk=KnowledgeRevision.ONLY_PK).values_list("number", "token").first()
    return found or (0, None)
