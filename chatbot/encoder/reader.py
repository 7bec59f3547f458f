"""Reads a question and an entry together: does this answer that? The encoder's upper layers once more, trained for it.

The lower layers read each text alone (deferred interaction: Cao et al. 2020), so what they make of an entry is kept,
and a question is read against several entries for the price of a quarter of the layers.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from chatbot.encoder.encoder import DIMENSIONS, NUM_TRAINED, SentenceEncoder, Vectors, get_encoder, read_arrays, through
from chatbot.encoder.layers import Layer, quantise

READER_PATH = Path(__file__).with_name("reader_layers.npz")
MAX_QUERY_TOKENS, MAX_ENTRY_TOKENS = 96, 128  # of each text; what is longer is cut off
# Which text a token is of: the bare turn, the turn after the customer's earlier ones, the turn after the last reply
# (and any further query), the entry's question, its answer.
_NUM_QUERY_KINDS = 3
_QUESTION, _ANSWER, _NUM_KINDS = 3, 4, 5
_COSINE_SCALE = 15.0

EntryTexts = tuple[str, str]


class Reader(Protocol):
    """What reads a question against entries."""

    def read(self, queries: Sequence[str], entries: Sequence[EntryTexts], /) -> Vectors:
        """The log-odds that an entry (its question, its answer) answers, against "none does". Shape: (entries,)."""


class ReaderNetwork(nn.Module):
    """Layers over all texts of a pair, then a score from the means of the queries' and of the entry's tokens: their
    cosine, from which training starts, and what a layer makes of how they differ."""

    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layers = layers
        self.kinds = nn.Embedding(_NUM_KINDS, DIMENSIONS)
        self.inner = nn.Linear(2 * DIMENSIONS, DIMENSIONS)
        self.out = nn.Linear(DIMENSIONS, 1)
        self.scale = nn.Parameter(torch.tensor([_COSINE_SCALE]))
        nn.init.zeros_(self.kinds.weight)
        nn.init.zeros_(self.out.weight)

    def forward(self, states: Tensor, kinds: Tensor, mask: Tensor | None = None) -> Tensor:
        """Shapes: states (pairs, tokens, width), kinds and mask (pairs, tokens) -> (pairs,)."""
        read = through(self.layers, states + self.kinds(kinds), mask).float()
        is_query = kinds < _NUM_QUERY_KINDS
        is_entry = ~is_query
        if mask is not None:
            is_query, is_entry = is_query & mask, is_entry & mask
        query, entry = _mean(read, is_query), _mean(read, is_entry)
        product = query * entry
        differing = torch.cat([product * DIMENSIONS, (query - entry).abs() * DIMENSIONS**0.5], dim=-1)
        scores: Tensor = self.scale * product.sum(dim=-1) + self.out(nn.functional.gelu(self.inner(differing)))[:, 0]
        return scores


def _mean(states: Tensor, chosen: Tensor) -> Tensor:
    """Of the chosen tokens, as long as 1. Shape: (pairs, width)."""
    return nn.functional.normalize((states * chosen[..., None].to(states.dtype)).sum(dim=1), dim=-1)


def pair_of(queries: Sequence[Tensor], question: Tensor, answer: Tensor) -> tuple[Tensor, Tensor]:
    """One sequence of a pair's texts, and which text each token is of. Shapes: (tokens, width), (tokens,)."""
    parts = [states[:MAX_QUERY_TOKENS] for states in queries]
    kinds = [min(number, _NUM_QUERY_KINDS - 1) for number in range(len(parts))]
    parts += [question[:MAX_ENTRY_TOKENS], answer[:MAX_ENTRY_TOKENS]]
    parts = [part.float() for part in parts]  # half precision where they were kept
    lengths = torch.tensor([len(part) for part in parts])
    return torch.cat(parts), torch.tensor([*kinds, _QUESTION, _ANSWER]).repeat_interleave(lengths)


class PairReader:
    """The reader as it serves; safe to use from several threads."""

    def __init__(self, encoder: SentenceEncoder, path: Path = READER_PATH) -> None:
        self._encoder = encoder
        self._network = ReaderNetwork(nn.ModuleList(Layer(encoder.sizes) for _ in range(NUM_TRAINED)))
        self._network.load_state_dict(read_arrays(path))
        quantise(self._network.layers)

    @torch.inference_mode()
    def read(self, queries: Sequence[str], entries: Sequence[EntryTexts]) -> Vectors:
        """One entry after the other, for the reason that `SentenceEncoder.encode` gives."""
        asked = list(self._encoder.kept_states(queries))
        scores = np.zeros(len(entries), dtype=np.float32)
        for number, texts in enumerate(entries):
            states, kinds = pair_of(asked, *self._encoder.kept_states(texts))
            scores[number] = self._network(states[None], kinds[None])[0]
        return scores


@cache
def get_reader() -> PairReader:
    """This process's reader, loaded on the first call."""
    return PairReader(get_encoder())
