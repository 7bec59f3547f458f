"""Trains the upper layers of the sentence encoder on customers' ways to ask. Knows no serving.

The lower layers stay as published, so what they make of a text is computed once. Each step takes questions of one
company and asks for the right one among all of its answers, some of which get other questions as alternatives:
entries that are confusable on purpose are the negatives. Run by `manage.py train_encoder`.
"""

import copy
import logging
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from chatbot.encoder.encoder import SentenceEncoder, Vectors, pool, through
from chatbot.language_model.checkpoints import best_dtype
from chatbot.training.companies import CompanyTexts

log = logging.getLogger(__name__)

TEMPERATURE = 0.03
BATCH_QUERIES = 96
LEARNING_RATE = 5e-5
NUM_EPOCHS = 2
STATE_DROPOUT = 0.1
WARM_UP = 0.1
_TEXTS_AT_ONCE = 24  # more don't fit the processor's caches: 48 took twice as long


class TextStates:
    """Texts after the lower layers, each computed once: (tokens, width) in half precision."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self._encoder = encoder
        self._known: dict[str, Tensor] = {}

    def of(self, texts: Sequence[str]) -> list[Tensor]:
        """The slow part: a minute for 6,000 texts on one core."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        with torch.autocast("cpu", enabled=False):  # the lower layers' products are in 8 bits already
            for text, states in zip(new, self._encoder.lower_states(new), strict=True):
                self._known[text] = states.half().clone()
        return [self._known[text] for text in texts]


class TrainedEncoder:
    """What `SentenceEncoder` will be with these upper layers; encodes each text once."""

    def __init__(self, states: TextStates, layers: nn.ModuleList) -> None:
        self._states, self._layers = states, layers
        self._known: dict[str, Vectors] = {}

    @torch.no_grad()
    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            vectors = vectors_of(self._layers, self._states.of(new)).numpy()
            self._known |= dict(zip(new, vectors, strict=True))
        return np.stack([self._known[text] for text in texts])


@dataclass
class CompanyStates:
    """A company's texts after the lower layers."""

    texts: CompanyTexts
    passages: list[Tensor]
    queries: list[Tensor]

    @property
    def num_entries(self) -> int:
        return len(self.texts.entry_ids)


def read_states(companies: Sequence[CompanyTexts], states: TextStates) -> list[CompanyStates]:
    return [CompanyStates(company, states.of(company.passages), states.of(company.queries)) for company in companies]


def train(
    companies: Sequence[CompanyStates], start: nn.ModuleList, *, num_epochs: int, seed: int
) -> Iterator[nn.ModuleList]:
    """Yields the layers after each epoch: always the same object, which the next epoch goes on with."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    layers = trainable(start)
    num_steps = num_epochs * sum(math.ceil(len(company.queries) / BATCH_QUERIES) for company in companies)
    descent = Descent(layers, [{"params": layers.parameters(), "lr": LEARNING_RATE}], num_steps)
    for epoch in range(num_epochs):
        losses = []
        for company, chosen in _batches(companies, draw):
            losses.append(descent.step(_loss(layers, company, chosen, draw)))
        log.info("epoch %s: loss %.3f", epoch + 1, sum(losses) / len(losses))
        yield layers


@torch.no_grad()
def rank_shares(layers: nn.ModuleList, companies: Sequence[CompanyStates]) -> tuple[float, float]:
    """The share of questions whose own entry ranks first, and among the first three, by this encoder alone."""
    first = three = total = 0
    for company in companies:
        wanted = torch.tensor(company.texts.wanted)
        queries, passages = vectors_of(layers, company.queries), vectors_of(layers, company.passages)
        scores = _scores(queries, passages, company.texts.owners)
        ranks = (scores > scores.gather(1, wanted[:, None])).sum(dim=1)
        first, three = first + int((ranks == 0).sum()), three + int((ranks < 3).sum())
        total += len(wanted)
    return first / total, three / total


def save(weights: Mapping[str, Tensor], path: Path) -> None:
    """Matrices in 8 bits with a scale for each row: the file is in the repository, and the ranking doesn't notice."""
    arrays: dict[str, np.ndarray] = {}
    for name, value in weights.items():
        numbers = value.detach().numpy()
        if numbers.ndim == 1:
            arrays[name] = numbers.astype(np.float16)
            continue
        scales = np.abs(numbers).max(axis=1, keepdims=True) / 127
        arrays[name] = np.round(numbers / np.maximum(scales, 1e-12)).astype(np.int8)
        arrays[f"{name}.scales"] = scales.astype(np.float32)
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def trainable(layers: nn.ModuleList) -> nn.ModuleList:
    """A copy that can be trained."""
    copied = copy.deepcopy(layers)
    for parameter in copied.parameters():
        parameter.requires_grad_(True)
    return copied


class Descent:
    """AdamW over groups of parameters, each group's rate warmed up and then falling to nothing."""

    def __init__(self, network: nn.Module, groups: Sequence[dict[str, Any]], num_steps: int) -> None:
        self._network = network
        self._optimizer = torch.optim.AdamW(list(groups), weight_decay=0.05)
        self._schedule = torch.optim.lr_scheduler.OneCycleLR(
            self._optimizer,
            [group["lr"] for group in groups],
            total_steps=max(2, num_steps),
            pct_start=WARM_UP,
            anneal_strategy="linear",
        )

    def step(self, loss: Tensor) -> float:
        """Follows the loss down by one step; returns what it was."""
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self._network.parameters(), 1.0)
        self._optimizer.step()
        self._schedule.step()
        return loss.item()


@contextmanager
def fast_training() -> Iterator[None]:
    """Products in bfloat16 where the processor has them, and attention written out: for such short texts torch's fused
    one is slow backwards."""
    dtype = best_dtype("cpu")
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32), sdpa_kernel(SDPBackend.MATH):
        yield


def vectors_of(layers: nn.ModuleList, states: Sequence[Tensor], *, dropout: float = 0.0) -> Tensor:
    """The texts' vectors, made in batches of like length. Shape: (texts, width)."""

    def of_some(numbers: Sequence[int]) -> Tensor:
        padded, mask = pad([states[number] for number in numbers])
        return pool(through(layers, F.dropout(padded, dropout), mask).float(), mask)

    return by_length([len(one) for one in states], _TEXTS_AT_ONCE, of_some)


def by_length(lengths: Sequence[int], at_once: int, of_some: Callable[[Sequence[int]], Tensor]) -> Tensor:
    """What `of_some` makes of items of like length, `at_once` of them given by number, in the order of all."""
    order = sorted(range(len(lengths)), key=lambda number: lengths[number])
    parts = [of_some(order[start : start + at_once]) for start in range(0, len(order), at_once)]
    return torch.cat(parts)[torch.tensor(order).argsort()]


def pad(states: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Shapes: (texts, tokens, width) in float32, and the mask of tokens (texts, tokens)."""
    padded = nn.utils.rnn.pad_sequence(list(states), batch_first=True).float()
    lengths = torch.tensor([len(one) for one in states])
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]


def _batches(companies: Sequence[CompanyStates], draw: random.Random) -> list[tuple[CompanyStates, list[int]]]:
    batches = []
    for company in companies:
        order = draw.sample(range(len(company.queries)), len(company.queries))
        batches += [(company, order[start : start + BATCH_QUERIES]) for start in range(0, len(order), BATCH_QUERIES)]
    draw.shuffle(batches)
    return batches


def _loss(layers: nn.ModuleList, company: CompanyStates, chosen: Sequence[int], draw: random.Random) -> Tensor:
    """Cross entropy over the company's entries."""
    texts, taken = company.texts, set(chosen)
    others = [n for n, flag in enumerate(texts.may_be_alternative) if flag and n not in taken]
    drawn = draw.sample(others, min(len(others), 2 * company.num_entries))
    states = [company.queries[number] for number in [*chosen, *drawn]] + company.passages
    with fast_training():
        vectors = vectors_of(layers, states, dropout=STATE_DROPOUT)
    queries, rest = vectors[: len(chosen)], vectors[len(chosen) :]
    scores = _scores(queries, rest, [texts.wanted[number] for number in drawn] + texts.owners)
    return F.cross_entropy(scores / TEMPERATURE, torch.tensor([texts.wanted[number] for number in chosen]))


def _scores(queries: Tensor, passages: Tensor, owners: Sequence[int]) -> Tensor:
    """The best cosine over each entry's passages. Shape: (queries, entries)."""
    similarities = queries @ passages.T
    numbers = torch.tensor(owners)
    scores = torch.full((len(queries), int(numbers.max()) + 1), -1.0)
    return scores.scatter_reduce(1, numbers.expand(len(queries), -1), similarities, reduce="amax")
