"""A classifier of texts from two views: the encoder's vector (what is meant) and the letters (how it is worded).

Each goes through a linear layer, and the two are added up. Knows no labels; `training.two_views` trains it.
"""

from pathlib import Path

import numpy as np

from chatbot.encoder.encoder import Vectors
from chatbot.encoder.ngrams import buckets_of


class TwoViews:
    """Shapes of the weights: meaning (384, labels), bias (labels,), rarity (buckets,), words (buckets, labels)."""

    def __init__(self, weights: dict[str, Vectors]) -> None:
        self._meaning, self._bias, self._rarity, self._words = (
            weights[name].astype(np.float32) for name in ("meaning", "bias", "rarity", "words")
        )

    @classmethod
    def load(cls, path: Path) -> "TwoViews":
        with np.load(path, allow_pickle=False) as weights:
            return cls(dict(weights))

    def logits(self, text: str, vector: Vectors) -> Vectors:
        """Of each label. Shape: vector (384,) -> (labels,)."""
        buckets = buckets_of(text)
        rarity = self._rarity[buckets]
        words = rarity @ self._words[buckets] / max(float(np.linalg.norm(rarity)), 1e-9)
        found: Vectors = vector @ self._meaning + self._bias + words
        return found

    def probabilities(self, text: str, vector: Vectors) -> Vectors:
        """Of each label; they sum to 1. Shape: vector (384,) -> (labels,)."""
        logits = self.logits(text, vector)
        shares: Vectors = np.exp(logits - logits.max())
        return np.asarray(shares / shares.sum(), dtype=np.float32)
