"""Finding: an immutable snapshot of the approved answers that ranks them for a question. Knows no database.

Signals are the cosine of sentence embeddings (meaning, across languages), bare and adapted, and BM25 (words), for the
customer's bare turn and for the same question put with its history. `ranker.py` weighs them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chatbot.knowledge.bm25 import Bm25, tokenize
from chatbot.knowledge.embedding import DIMENSIONS, SentenceEmbedder, Vectors, get_embedder
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.ranker import Ranker, get_ranker

Scores = npt.NDArray[np.float32]

BM25_WEIGHT = 0.30
BM25_HALF = 10.0  # the BM25 score that counts for half of the most it can add
LANGUAGE_BONUS = 0.04
_MANY_TERMS = 12.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An entry and how well it fits. `score`: the probability that it answers. `cosine`, `bm25`: of the bare turn."""

    entry: Entry
    score: float
    cosine: float
    bm25: float


@dataclass(frozen=True, kw_only=True)
class SearchFeatures:
    """What the ranker weighs. Shapes: entries (entries, features), query (features,)."""

    entries: Scores
    query: Scores
    base: Scores  # (entries,) the plain sum of signals
    cosines: Scores  # (entries,)
    words: Scores  # (entries,)


class KnowledgeIndex:
    """Built once from entries, never changed; safe to search from several threads."""

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        embedder: SentenceEmbedder | None = None,
        reuse: "KnowledgeIndex | None" = None,
        ranker: Ranker | None = None,
    ) -> None:
        """`reuse`: an earlier index whose vectors are taken over for texts that haven't changed."""
        self.entries = tuple(entries)
        self.by_id = {entry.id: entry for entry in self.entries}
        self._embedder: SentenceEmbedder = embedder or (reuse._embedder if reuse is not None else get_embedder())
        self._ranker = ranker
        questions = [(text, number) for number, entry in enumerate(self.entries) for text in entry.questions]
        answers = [(text, number) for number, entry in enumerate(self.entries) for text in entry.statements]
        self.num_embedded = self._embed([text for text, _ in questions + answers], reuse)
        self._question_passages = self._passages(questions)
        self._answer_passages = self._passages(answers)
        self._bm25 = Bm25([_terms(entry) for entry in self.entries])
        self._languages = np.array([entry.language for entry in self.entries])

    def __len__(self) -> int:
        return len(self.entries)

    def search(self, queries: Sequence[str], *, top_k: int, language: str = "") -> list[Candidate]:
        """The `top_k` best entries for a question, best first; of twins only the one in the language.

        The first query is the customer's bare turn, further ones put the same question with its context.
        """
        if not self.entries or not queries:
            return []
        features = self.features(queries, language)
        scores = (self._ranker or get_ranker()).probabilities(features.entries, features.query)
        return self._best(scores, features, top_k, language)

    def features(self, queries: Sequence[str], language: str) -> SearchFeatures:
        """Everything that is measured about each entry for these queries. There must be entries and a query."""
        bare = self._signals(queries[:1])
        context = self._signals(queries[1:]) if len(queries) > 1 else bare
        is_own_language = (self._languages == language) if language else np.ones(len(self.entries), dtype=bool)
        base = (_base(bare) + _base(context)) / 2 + LANGUAGE_BONUS * is_own_language
        leads = [some - _best_other(some, self._stems) for some in (base, _base(bare), _base(context))]
        entries = np.column_stack([bare, context, is_own_language, base, *leads])
        top = entries[int(base.argmax())]
        terms = tokenize(queries[0])
        query = [
            self._bm25.unknown_share(terms),
            min(1.0, len(terms) / _MANY_TERMS),
            float(len(queries) > 1),
        ]
        return SearchFeatures(
            entries=entries.astype(np.float32),
            query=np.concatenate([top, query]).astype(np.float32),
            base=base,
            cosines=np.maximum(bare[:, 0], bare[:, 1]),
            words=bare[:, 4],
        )

    @property
    def _stems(self) -> list[str]:
        return [entry.stem for entry in self.entries]

    def _signals(self, queries: Sequence[str]) -> Scores:
        """The mean over the queries of six numbers per entry. Shape: (entries, 6)."""
        raw = self._embedder.encode(queries)
        adapted = self._embedder.adapt(raw)
        by_meaning = [
            passages.best_cosines(vectors, is_adapted=is_adapted).mean(axis=0)
            for vectors, is_adapted in ((adapted, True), (raw, False))
            for passages in (self._question_passages, self._answer_passages)
        ]
        terms = [tokenize(query) for query in queries]
        words = np.mean([self._bm25.scores(some) for some in terms], axis=0)
        coverage = np.mean([self._bm25.coverage(some) for some in terms], axis=0)
        return np.column_stack([*by_meaning, words / (words + BM25_HALF), coverage]).astype(np.float32)

    def _best(self, scores: Scores, features: SearchFeatures, top_k: int, language: str) -> list[Candidate]:
        """Twins say the same, so their probabilities add up, and the one in the customer's language stands for both."""
        groups: dict[str, list[int]] = {}
        for number, entry in enumerate(self.entries):
            groups.setdefault(entry.stem, []).append(number)
        found = []
        for numbers in groups.values():
            best = max(numbers, key=lambda number: (self._languages[number] == language, scores[number]))
            found.append(
                Candidate(
                    entry=self.entries[best],
                    score=float(scores[numbers].sum()),
                    cosine=float(features.cosines[numbers].max()),
                    bm25=float(features.words[numbers].max()),
                )
            )
        return sorted(found, key=lambda candidate: -candidate.score)[:top_k]

    def _embed(self, texts: Sequence[str], reuse: "KnowledgeIndex | None") -> int:
        """Fills the table of vectors; the number of texts that weren't in the earlier one."""
        known = reuse._vector_of if reuse is not None and reuse._embedder is self._embedder else {}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        fresh = dict(zip(new, self._embedder.encode(new), strict=True))
        self._vector_of: dict[str, Vectors] = {
            text: known[text] if text in known else fresh[text] for text in dict.fromkeys(texts)
        }
        return len(new)

    def _passages(self, texts: Sequence[tuple[str, int]]) -> "_Passages":
        raw = np.stack([self._vector_of[text] for text, _ in texts]) if texts else np.zeros((0, DIMENSIONS), np.float32)
        return _Passages(raw, self._embedder.adapt(raw), np.array([owner for _, owner in texts], dtype=np.int64))


class _Passages:
    """The vectors of one kind of text; every entry has at least one, and they lie in the entries' order."""

    def __init__(self, raw: Vectors, adapted: Vectors, owners: npt.NDArray[np.int64]) -> None:
        self._raw, self._adapted = raw, adapted
        self._starts = np.flatnonzero(np.diff(owners, prepend=-1))

    def best_cosines(self, vectors: Vectors, *, is_adapted: bool) -> Scores:
        """The best cosine over each entry's texts. Shape: (queries, entries)."""
        similarities = vectors @ (self._adapted if is_adapted else self._raw).T
        best: Scores = np.maximum.reduceat(similarities, self._starts, axis=1)
        return best


def _base(signals: Scores) -> Scores:
    base: Scores = np.maximum(signals[:, 0], signals[:, 1]) + BM25_WEIGHT * signals[:, 4]
    return base


def _best_other(scores: Scores, stems: Sequence[str]) -> Scores:
    """For each entry the best score among those that aren't it or its twin; its own when there is no other."""
    best: dict[str, float] = {}
    for stem, score in zip(stems, scores.tolist(), strict=True):
        best[stem] = max(best.get(stem, -1.0), score)
    first, second = [*sorted(best.values(), reverse=True), min(best.values())][:2]
    return np.array([second if best[stem] == first else first for stem in stems], dtype=np.float32)


def _terms(entry: Entry) -> list[str]:
    """An entry as one document. Its questions count double: they are how people ask."""
    questions = tokenize(" ".join(entry.questions))
    return [*questions, *questions, *tokenize(entry.answer)]
