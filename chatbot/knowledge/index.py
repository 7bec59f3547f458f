"""Finding: an immutable snapshot of the approved answers that ranks them for a question. Knows no database.

Signals are the cosine of sentence embeddings (meaning, across languages) and BM25 (words), for the customer's bare
turn and for the same question put with its history. Their plain sum chooses the few best entries; the encoder's reader
reads each of these together with the question, and `ranker.py` weighs everything that is known of them against each
other and against "none of them".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from chatbot.encoder.encoder import DIMENSIONS, Encoder, Vectors, get_encoder
from chatbot.encoder.reader import Reader, get_reader
from chatbot.knowledge.bm25 import Bm25, tokenize
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.ranker import Ranker, get_ranker

Scores = npt.NDArray[np.float32]

NUM_COMPARED = 8  # entries that the ranker compares; in training as in service
BM25_WEIGHT = 0.30
BM25_HALF = 10.0  # the BM25 score that counts for half of the most it can add
LANGUAGE_BONUS = 0.02
_MANY_TERMS = 12.0


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An entry and how well it fits. `score`: the probability that it answers."""

    entry: Entry
    score: float


@dataclass(frozen=True, kw_only=True)
class SearchFeatures:
    """What the ranker weighs. `numbers`: of the compared entries.

    Shapes: numbers (compared,), entries (compared, features), query (features,).
    """

    numbers: npt.NDArray[np.int64]
    entries: Scores
    query: Scores


@dataclass(frozen=True, kw_only=True)
class _Found:
    """Of the compared entries. Shapes: (compared,), but bare and context (compared, 4)."""

    numbers: npt.NDArray[np.int64]
    base: Scores
    sums: list[Scores]
    bare: Scores
    context: Scores
    is_own_language: npt.NDArray[np.bool_]


class KnowledgeIndex:
    """Built once from entries, never changed; safe to search from several threads."""

    def __init__(
        self,
        entries: Sequence[Entry],
        *,
        encoder: Encoder | None = None,
        ranker: Ranker | None = None,
        vectors: Mapping[str, Vectors] | None = None,
    ) -> None:
        """`vectors`: those of texts that needn't be encoded again; `texts_of` says which texts are needed."""
        self.entries = tuple(entries)
        self.by_id = {entry.id: entry for entry in self.entries}
        self.encoder: Encoder = encoder or get_encoder()
        self._ranker = ranker
        self.vectors = self._encode_missing(vectors or {})
        self._questions = self._passages([entry.questions for entry in self.entries])
        self._statements = self._passages([entry.statements for entry in self.entries])
        self._bm25 = Bm25([_terms(entry) for entry in self.entries])
        self._languages = np.array([entry.language for entry in self.entries])
        numbers = {stem: number for number, stem in enumerate(dict.fromkeys(entry.stem for entry in self.entries))}
        self._stems = np.array([numbers[entry.stem] for entry in self.entries], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.entries)

    def search(self, queries: Sequence[str], *, top_k: int, language: str = "") -> list[Candidate]:
        """The `top_k` best entries for a question, best first, at most NUM_COMPARED; of twins the one in the language.

        The first query is the customer's bare turn, further ones put the same question with its context.
        """
        if not self.entries or not queries:
            return []
        features = self.features(queries, language)
        scores = (self._ranker or get_ranker()).probabilities(features.entries, features.query)
        return self._best(features.numbers, scores, language)[:top_k]

    def features(self, queries: Sequence[str], language: str, *, reader: Reader | None = None) -> SearchFeatures:
        """What is measured about the entries that fit best. There must be entries and a query."""
        found = self._find(queries, language)
        numbers, bare, context = found.numbers, found.bare, found.context
        stems = self._stems[numbers]
        read = self._read(queries, numbers, language, reader or get_reader())
        measured = [found.base, *found.sums, bare[:, 0], context[:, 0], read]
        leads = [_leads(values, stems) for values in measured]
        entries = np.column_stack([bare, context, found.is_own_language, found.base, read, *leads]).astype(np.float32)
        terms = tokenize(queries[0])
        query = [
            self._bm25.unknown_share(terms),
            min(1.0, len(terms) / _MANY_TERMS),
            float(len(queries) > 1),
        ]
        top = entries[int(read.argmax())]
        return SearchFeatures(numbers=numbers, entries=entries, query=np.append(top, query).astype(np.float32))

    def nearest(self, queries: Sequence[str], language: str) -> list[Entry]:
        """The compared entries, the best sums first."""
        found = self._find(queries, language)
        return [self.entries[number] for number in found.numbers[np.argsort(-found.base, kind="stable")]]

    def _find(self, queries: Sequence[str], language: str) -> "_Found":
        signals = self._signals(queries)
        bare = signals[0]
        context = signals[1:].mean(axis=0) if len(queries) > 1 else bare
        is_own_language = (self._languages == language) if language else np.ones(len(self.entries), dtype=bool)
        sums = [_base(bare), _base(context)]
        base = (sums[0] + sums[1]) / 2 + LANGUAGE_BONUS * is_own_language
        numbers = self._compared(base)
        return _Found(
            numbers=numbers,
            base=base[numbers],
            sums=[some[numbers] for some in sums],
            bare=bare[numbers],
            context=context[numbers],
            is_own_language=is_own_language[numbers],
        )

    def _read(self, queries: Sequence[str], numbers: npt.NDArray[np.int64], language: str, reader: Reader) -> Scores:
        """Twins are read once, in the customer's language where there is one. Shape: (compared,)."""
        order = np.argsort(self._languages[numbers] != language, kind="stable")
        _, first, places = np.unique(self._stems[numbers[order]], return_index=True, return_inverse=True)
        entries = [self.entries[number] for number in numbers[order][first]]
        scores = reader.read(queries, [(entry.question, entry.answer) for entry in entries])
        found = np.empty(len(numbers), dtype=np.float32)
        found[order] = scores[places]
        return found

    def _signals(self, queries: Sequence[str]) -> Scores:
        """Four numbers per query and entry. Shape: (queries, entries, 4)."""
        vectors = self.encoder.encode(queries)
        terms = [tokenize(query) for query in queries]
        words = np.stack([self._bm25.scores(some) for some in terms])
        coverage = np.stack([self._bm25.coverage(some) for some in terms])
        by_meaning = [passages.best_cosines(vectors) for passages in (self._questions, self._statements)]
        return np.stack([*by_meaning, words / (words + BM25_HALF), coverage], axis=-1).astype(np.float32)

    def _compared(self, base: Scores) -> npt.NDArray[np.int64]:
        """The entries of the NUM_COMPARED best stems, twins included."""
        enough = min(len(base), 4 * NUM_COMPARED)  # twins, and the customer's own language comes first among them
        best = np.argpartition(-base, enough - 1)[:enough]
        best = best[np.argsort(-base[best])]
        stems = dict.fromkeys(self._stems[best].tolist())
        chosen = list(stems)[:NUM_COMPARED]
        numbers: npt.NDArray[np.int64] = np.flatnonzero(np.isin(self._stems, chosen))
        return numbers

    def _best(self, numbers: npt.NDArray[np.int64], scores: Scores, language: str) -> list[Candidate]:
        """Twins say the same, so their probabilities add up, and the one in the customer's language stands for both."""
        groups: dict[int, list[int]] = {}
        for place, number in enumerate(numbers):
            groups.setdefault(int(self._stems[number]), []).append(place)
        found = []
        for places in groups.values():
            best = max(places, key=lambda place: (self._languages[numbers[place]] == language, scores[place]))
            found.append(Candidate(entry=self.entries[numbers[best]], score=float(scores[places].sum())))
        return sorted(found, key=lambda candidate: -candidate.score)

    def _encode_missing(self, known: Mapping[str, Vectors]) -> dict[str, Vectors]:
        texts = texts_of(self.entries)
        new = [text for text in texts if text not in known]
        fresh = dict(zip(new, self.encoder.encode(new), strict=True)) if new else {}
        return {text: fresh[text] if text in fresh else known[text] for text in texts}

    def _passages(self, texts: Sequence[Sequence[str]]) -> "_Passages":
        rows = [self.vectors[text] for some in texts for text in some]
        owners = np.repeat(np.arange(len(texts)), [len(some) for some in texts])
        return _Passages(np.stack(rows) if rows else np.zeros((0, DIMENSIONS), np.float32), owners)


def texts_of(entries: Sequence[Entry]) -> list[str]:
    """Every text whose vector an index of these entries needs, each once."""
    return list(dict.fromkeys(text for entry in entries for text in (*entry.questions, *entry.statements)))


class _Passages:
    """The vectors of one kind of text; every entry has at least one, and they lie in the entries' order."""

    def __init__(self, vectors: Vectors, owners: npt.NDArray[np.int64]) -> None:
        self._vectors = vectors
        self._starts = np.flatnonzero(np.diff(owners, prepend=-1))

    def best_cosines(self, queries: Vectors) -> Scores:
        """The best cosine over each entry's texts. Shape: (queries, entries)."""
        best: Scores = np.maximum.reduceat(queries @ self._vectors.T, self._starts, axis=1)
        return best


def _base(signals: Scores) -> Scores:
    base: Scores = np.maximum(signals[:, 0], signals[:, 1]) + BM25_WEIGHT * signals[:, 2]
    return base


def _leads(scores: Scores, stems: npt.NDArray[np.int64]) -> Scores:
    """How far each is before the best one that isn't it or its twin; 0 when there is no other."""
    others = np.where(stems[:, None] == stems[None, :], -np.inf, scores[None, :]).max(axis=1)
    return np.where(np.isfinite(others), scores - others, 0).astype(np.float32)


def _terms(entry: Entry) -> list[str]:
    """An entry as one document. Its questions count double: they are how people ask."""
    questions = tokenize(" ".join(entry.questions))
    return [*questions, *questions, *tokenize(entry.answer)]
