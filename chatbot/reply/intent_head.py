"""The trained classifier of intents: a linear layer on the sentence encoder's vector of the turn. Knows no rules."""

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from chatbot.knowledge.embedding import get_embedder

INTENTS = ("question", "handoff", "refuse", "smalltalk")
HEAD_PATH = Path(__file__).with_name("intent_head.npz")


def intent_probabilities(text: str) -> dict[str, float]:
    """The probability of each of INTENTS for one turn."""
    weight, bias = _layer()
    logits = weight @ get_embedder().encode([text])[0] + bias
    shares = np.exp(logits - logits.max())
    shares /= shares.sum()
    return dict(zip(INTENTS, shares.tolist(), strict=True))


@cache
def _layer() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    with np.load(HEAD_PATH, allow_pickle=False) as weights:
        return weights["weight"].astype(np.float32), weights["bias"].astype(np.float32)
