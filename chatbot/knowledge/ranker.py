"""The trained judge of a search: which entry answers, or none. Knows vectors of features only, no texts.

A small network gives every entry a logit from its features, another one gives the logit of "none of them"; a softmax
over all makes probabilities; several such pairs are averaged. Trained by `manage.py train_decision`.
"""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[np.float32]

RANKER_PATH = Path(__file__).with_name("retrieval_ranker.npz")


class Ranker:
    """Pairs of networks with one hidden layer each; weights by name, as `decision_head.save_ranker` writes them."""

    def __init__(self, weights: dict[str, Features]) -> None:
        self._weights = {name: value.astype(np.float32) for name, value in weights.items()}

    def probabilities(self, entries: Features, query: Features) -> Features:
        """One per entry, that it answers; what is missing to 1 is that none does.

        Shapes: entries (entries, features), query (features,) -> (entries,).
        """
        logits = np.concatenate([self._networks("entry", entries), self._networks("none", query[None])], axis=1)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        mean: Features = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
        return mean[:-1]

    def _networks(self, name: str, inputs: Features) -> Features:
        """Shape: (networks, inputs)."""
        mean, scale, into, bias, out, out_bias = (
            self._weights[f"{name}_{part}"] for part in ("mean", "scale", "in", "bias", "out", "out_bias")
        )
        scaled = (inputs - mean[:, None]) / scale[:, None]  # (networks, inputs, features)
        hidden = np.maximum(scaled @ into + bias[:, None], 0)
        found: Features = (hidden @ out)[..., 0] + out_bias
        return found


@cache
def get_ranker() -> Ranker:
    """This process's ranker, loaded on the first call."""
    with np.load(RANKER_PATH, allow_pickle=False) as weights:
        return Ranker(dict(weights))
