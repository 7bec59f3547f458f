"""The encoder as it serves: loaded once per process, safe to use from several threads."""

import copy
import hashlib
import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from chatbot.encoder.layers import Embeddings, quantise, read_layers
from chatbot.encoder.tokens import MAX_CHARS, PREFIX, TextTokenizer
from chatbot.encoder.weights import default_path, read_weights

Vectors = npt.NDArray[np.float32]

DIMENSIONS = 384
NUM_TRAINED = 3  # the upper layers, which are trained here
UPPER_PATH = Path(__file__).with_name("upper_layers.npz")
_TEXTS_KEPT = 1000  # after the lower layers: some 30 MB
_MANY_TEXTS = 16  # more than a turn asks for: an index's
_FORMAT = 1  # to be raised when a change here makes other vectors of the same weights


class Encoder(Protocol):
    """What makes vectors of texts."""

    def encode(self, texts: Sequence[str], /) -> Vectors:
        """Of length 1. Shape: (texts, DIMENSIONS)."""


class SentenceEncoder:
    """Lower layers as published, upper ones trained here; `plain` are the upper ones as published.

    Two encoders of the same `version` make the same vectors.
    """

    def __init__(self, path: Path | None = None, upper_path: Path | None = UPPER_PATH) -> None:
        """`upper_path`: None for the published layers instead of the trained ones. Raises EncoderFileError."""
        self._path = path or default_path()
        file = read_weights(self._path)
        self.tokenizer = TextTokenizer(file)
        self.sizes = file.sizes
        self._embeddings = Embeddings(file)
        layers = read_layers(file)
        self.lower = quantise(layers[:-NUM_TRAINED])
        self.plain = quantise(copy.deepcopy(layers[-NUM_TRAINED:]))
        self.upper = self.plain
        digest = hashlib.sha256(f"{_FORMAT} {self._path.stat().st_size} {PREFIX}{MAX_CHARS}".encode())
        if upper_path is not None:
            self.upper = quantise(_with_weights(layers[-NUM_TRAINED:], upper_path))
            digest.update(upper_path.read_bytes())
        self.version = f"e5-small-{digest.hexdigest()[:12]}"
        self._kept = lru_cache(_TEXTS_KEPT)(lambda text: self._lower_states(text).half())

    def read_published(self) -> nn.ModuleList:
        """The published upper layers in float32, to train from."""
        return read_layers(read_weights(self._path))[-NUM_TRAINED:]

    def read_trained(self, path: Path = UPPER_PATH) -> nn.ModuleList:
        """The same, as trained here."""
        return _with_weights(self.read_published(), path)

    @torch.inference_mode()
    def encode(self, texts: Sequence[str], upper: nn.ModuleList | None = None) -> Vectors:
        """The texts' vectors, of length 1. Shape: (texts, 384). `upper`: other layers than the trained ones.

        One text after the other: 8-bit products scale their inputs together, so that in a batch a text's vector would
        depend on its neighbours; and a batch is no faster.
        """
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        lower = self.lower_states(texts) if len(texts) > _MANY_TEXTS else self.kept_states(texts)
        for vector, states in zip(vectors, lower, strict=True):
            vector[:] = pool(through(upper or self.upper, states[None]))[0].numpy()
        return vectors

    def lower_states(self, texts: Sequence[str]) -> Iterator[Tensor]:
        """What the lower layers make of each text. Shape: (tokens, width)."""
        return map(self._lower_states, texts)

    def kept_states(self, texts: Iterable[str]) -> Iterator[Tensor]:
        """The same of texts that will be asked for again: a turn's, which are read several times, and entries'."""
        return (self._kept(text).float() for text in texts)

    @torch.inference_mode()
    def _lower_states(self, text: str) -> Tensor:
        ids = torch.tensor(self.tokenizer.encode([text]))
        return through(self.lower, self._embeddings(ids))[0]


def _with_weights(layers: nn.ModuleList, path: Path) -> nn.ModuleList:
    layers.load_state_dict(read_arrays(path))
    return layers


def read_arrays(path: Path) -> dict[str, Tensor]:
    """What `training.encoder_layers.save` wrote: matrices in 8 bits with a scale for each row, vectors in 16."""
    with np.load(path, allow_pickle=False) as arrays:
        found = dict(arrays)
    scales = {name: found.pop(f"{name}.scales") for name in list(found) if f"{name}.scales" in found}
    return {name: torch.from_numpy(value.astype(np.float32) * scales.get(name, 1)) for name, value in found.items()}


def through(layers: nn.ModuleList, states: Tensor, mask: Tensor | None = None) -> Tensor:
    """Shapes: states (texts, tokens, width), mask (texts, tokens), true where there is a token."""
    attention_mask = None if mask is None else mask[:, None, None, :]
    for layer in layers:
        states = layer(states, attention_mask)
    return states


def pool(states: Tensor, mask: Tensor | None = None) -> Tensor:
    """The mean over a text's tokens, made as long as 1. Shape: (texts, width)."""
    if mask is None:
        return nn.functional.normalize(states.mean(dim=1), dim=-1)
    weights = mask[..., None].to(states.dtype)
    return nn.functional.normalize((states * weights).sum(dim=1) / weights.sum(dim=1), dim=-1)


_loading = threading.Lock()


def get_encoder() -> SentenceEncoder:
    """This process's encoder; the first call loads it (about a second)."""
    with _loading:
        return _encoder()


@cache
def _encoder() -> SentenceEncoder:
    return SentenceEncoder()
