"""Ranking by words: BM25 (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework"), in numpy.

English by lightly stemmed words, Chinese by character bigrams and single characters. Knows nothing of answers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+(?:[.,]\d+)*|[\u3400-\u9fff]+")
_K1, _B = 1.2, 0.75
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "i",
        "me",
        "my",
        "we",
        "our",
        "us",
        "you",
        "your",
        "he",
        "she",
        "it",
        "its",
        "they",
        "them",
        "their",
        "this",
        "that",
        "these",
        "those",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "am",
        "do",
        "does",
        "did",
        "have",
        "has",
        "had",
        "can",
        "could",
        "will",
        "would",
        "shall",
        "should",
        "may",
        "might",
        "must",
        "and",
        "or",
        "but",
        "if",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "with",
        "from",
        "as",
        "so",
        "not",
        "no",
        "any",
        "some",
        "there",
        "here",
        "what",
        "which",
        "who",
        "how",
        "when",
        "where",
        "why",
        "get",
        "got",
        "just",
        "im",
        "ive",
        "id",
        "dont",
        "please",
        "hi",
        "hello",
        "hey",
        "about",
        "than",
        "then",
        "too",
        "very",
        "up",
        "out",
        "的",
        "了",
        "吗",
        "呢",
        "我",
        "你",
        "您",
        "们",
        "是",
        "在",
        "有",
        "就",
        "都",
        "和",
        "与",
        "也",
        "还",
        "要",
        "想",
        "请",
        "啊",
        "呀",
        "吧",
        "么",
        "这",
        "那",
        "个",
    ]
)
_SUFFIXES = ("ingly", "ings", "edly", "ing", "ies", "ied", "ed", "es", "ly", "s")


def tokenize(text: str) -> list[str]:
    """The terms of a text that carry meaning."""
    terms: list[str] = []
    for token in _TOKEN.findall(text.lower()):
        if token[0] >= "\u3400":
            terms += [token[i : i + 2] for i in range(len(token) - 1)]
            terms += [character for character in token if character not in _STOP_WORDS]
        elif token not in _STOP_WORDS:
            terms.append(stem(token))
    return terms


def stem(word: str) -> str:
    """A word without its ending; meant to join forms of one word, not to be a word itself."""
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)] + ("y" if suffix in ("ies", "ied") else "")
            break
    if len(word) > 4 and word[-1] == "e":
        word = word[:-1]
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word


class Bm25:
    """An immutable index of documents, each a list of terms."""

    def __init__(self, documents: Sequence[Sequence[str]]) -> None:
        self._num_documents = len(documents)
        lengths = np.array([len(document) for document in documents], dtype=np.float32)
        average = float(lengths.mean()) if len(lengths) else 1.0
        postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, document in enumerate(documents):
            for term, count in Counter(document).items():
                postings[term].append((number, count))
        self._postings = {term: self._weigh(pairs, lengths, average or 1.0) for term, pairs in postings.items()}

    def scores(self, terms: Sequence[str]) -> npt.NDArray[np.float32]:
        """One score per document, 0 for those that share no term. Shape: (documents,)."""
        scores = np.zeros(self._num_documents, dtype=np.float32)
        for term in set(terms):
            if term in self._postings:
                numbers, weights = self._postings[term]
                scores[numbers] += weights
        return scores

    def rarity(self, term: str) -> float:
        """How much a term tells: the most for one that no document has."""
        num_with = len(self._postings[term][0]) if term in self._postings else 0
        return float(np.log(1 + (self._num_documents - num_with + 0.5) / (num_with + 0.5)))

    def coverage(self, terms: Sequence[str]) -> npt.NDArray[np.float32]:
        """The share of the terms' rarity that each document has. Shape: (documents,)."""
        covered, total = np.zeros(self._num_documents, dtype=np.float32), 0.0
        for term in set(terms):
            rarity = self.rarity(term)
            total += rarity
            if term in self._postings:
                covered[self._postings[term][0]] += rarity
        return covered / total if total else covered

    def unknown_share(self, terms: Sequence[str]) -> float:
        """The share of the terms' rarity that no document has."""
        rarities = {term: self.rarity(term) for term in terms}
        total = sum(rarities.values())
        return sum(rarity for term, rarity in rarities.items() if term not in self._postings) / total if total else 0.0

    def _weigh(
        self, pairs: list[tuple[int, int]], lengths: npt.NDArray[np.float32], average: float
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        numbers = np.array([number for number, _ in pairs], dtype=np.int64)
        counts = np.array([count for _, count in pairs], dtype=np.float32)
        rarity = np.log(1 + (self._num_documents - len(pairs) + 0.5) / (len(pairs) + 0.5))
        return numbers, rarity * counts * (_K1 + 1) / (counts + _K1 * (1 - _B + _B * lengths[numbers] / average))
