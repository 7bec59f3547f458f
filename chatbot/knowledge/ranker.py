"""The trained judge of a search: which entry answers, or none. Knows vectors of features only, no texts.

A small network gives every entry a logit from its features, another one gives the logit of "none of them"; a softmax
over all makes probabilities. Trained by `manage.py train_decision`.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]

RANKER_PATH = Path(__file__).with_name("retrieval_ranker.npz")


class Ranker:
    """Two networks with one hidden layer each; weights by name, as `decision_head.save` writes them."""

    def __init__(self, weights: dict[str, Features]) -> None:
        self._weights = {name: value.astype(np.float32) for name, value in weights.items()}

    def probabilities(self, entries: Features, query: Features) -> Features:
        """One per entry, that it answers; what is missing to 1 is that none does.

        Shapes: entries (entries, features), query (features,) -> (entries,).
        """
        logits = np.append(self._network("entry", entries)[:, 0], self._network("none", query[None])[0, 0])
        shares: Features = np.exp(logits - logits.max())
        shares /= shares.sum()
        return shares[:-1]

    def _network(self, name: str, inputs: Features) -> Features:
        weights = self._weights
        scaled = (inputs - weights[f"{name}_mean"]) / weights[f"{name}_scale"]
        hidden: Features = np.maximum(scaled @ weights[f"{name}_in"] + weights[f"{name}_bias"], 0)
        return hidden @ weights[f"{name}_out"] + weights[f"{name}_out_bias"]


@cache
def get_ranker() -> Ranker:
    """This process's ranker, loaded on the first call."""
    with np.load(RANKER_PATH, allow_pickle=False) as weights:
        return Ranker(dict(weights))
