"""Finding: an immutable snapshot of the approved answers that ranks them for a question. Knows no database.

Two signals are added up: the cosine of sentence embeddings (meaning, across languages) and BM25 (words). Several
queries may ask for the same thing, the customer's bare turn first; each has a weight.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chatbot.knowledge.bm25 import Bm25, tokenize
from chatbot.knowledge.embedding import SentenceEmbedder, Vectors, get_embedder
from chatbot.knowledge.entries import Entry

Scores = npt.NDArray[np.float32]

BM25_WEIGHT = 0.30
BM25_HALF = 10.0  # the BM25 score that counts for half of the most it can add
LANGUAGE_BONUS = 0.04


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An entry and how well it fits. `score` ranks; `cosine` and `bm25` are those of the bare turn."""

    entry: Entry
    score: float
    cosine: float
    bm25: float


class KnowledgeIndex:
    """Built once from entries, never changed; safe to search from several threads."""

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        embedder: SentenceEmbedder | None = None,
        reuse: "KnowledgeIndex | None" = None,
    ) -> None:
        """`reuse`: an earlier index whose vectors are taken over for texts that haven't changed."""
        self.entries = tuple(entries)
        self.by_id = {entry.id: entry for entry in self.entries}
        self._embedder = embedder or (reuse and reuse._embedder) or get_embedder()
        texts = [text for entry in self.entries for text in entry.passages]
        owners = [number for number, entry in enumerate(self.entries) for _ in entry.passages]
        self._first_passage = np.searchsorted(np.array(owners, dtype=np.int64), np.arange(len(self.entries)))
        self._row_of, vectors, self.num_embedded = self._embed(texts, reuse)
        self._vectors = vectors
        self._passage_vectors = vectors[[self._row_of[text] for text in texts]] if texts else vectors
        self._bm25 = Bm25([_terms(entry) for entry in self.entries])
        self._languages = np.array([entry.language for entry in self.entries])

    def __len__(self) -> int:
        return len(self.entries)

    def search(
        self, queries: Sequence[str], *, top_k: int, language: str = "", weights: Sequence[float] | None = None
    ) -> list[Candidate]:
        """The `top_k` best entries for a question asked in several ways, best first; of twins only one.

        The first query is the bare turn. `weights` (of the queries, 1 each by default) are scaled to sum to 1.
        """
        if not self.entries or not queries:
            return []
        shares = np.array(weights or [1.0] * len(queries), dtype=np.float32)
        shares /= shares.sum()
        cosines = self._cosines(queries)  # (queries, entries)
        words = np.stack([self._bm25.scores(tokenize(query)) for query in queries])
        scores = shares @ (cosines + BM25_WEIGHT * words / (words + BM25_HALF))
        if language:
            scores += LANGUAGE_BONUS * (self._languages == language)
        return self._best(scores, cosines[0], words[0], top_k)

    def _best(self, scores: Scores, cosines: Scores, words: Scores, top_k: int) -> list[Candidate]:
        found: list[Candidate] = []
        stems: set[str] = set()
        for number in np.argsort(-scores, kind="stable"):
            entry = self.entries[number]
            if entry.stem in stems:
                continue
            stems.add(entry.stem)
            found.append(
                Candidate(
                    entry=entry, score=float(scores[number]), cosine=float(cosines[number]), bm25=float(words[number])
                )
            )
            if len(found) == top_k:
                break
        return found

    def _cosines(self, queries: Sequence[str]) -> Scores:
        """The best cosine over each entry's passages. Shape: (queries, entries)."""
        vectors = self._embedder.adapt(self._embedder.encode(queries))
        similarities = vectors @ self._passage_vectors.T  # (queries, passages)
        return np.maximum.reduceat(similarities, self._first_passage, axis=1)

    def _embed(
        self, texts: Sequence[str], reuse: "KnowledgeIndex | None"
    ) -> tuple[dict[str, int], Vectors, int]:
        distinct = list(dict.fromkeys(texts))
        known = reuse._row_of if reuse is not None and reuse._embedder is self._embedder else {}
        new = [text for text in distinct if text not in known]
        vectors = np.zeros((len(distinct), 512), dtype=np.float32)
        fresh = iter(self._embedder.adapt(self._embedder.encode(new)))
        for row, text in enumerate(distinct):
            vectors[row] = reuse._vectors[known[text]] if reuse is not None and text in known else next(fresh)
        return {text: row for row, text in enumerate(distinct)}, vectors, len(new)


def _terms(entry: Entry) -> list[str]:
    """An entry as one document. Its questions count double: they are how people ask."""
    questions = tokenize(" ".join(entry.questions))
    return [*questions, *questions, *tokenize(entry.answer)]
