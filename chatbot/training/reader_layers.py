"""Trains the reader: which of a search's best entries answers the question, or none. Knows no index and no serving.

Each question is read against an entry that answers it and the ones that the search finds most alike; near misses and
strangers' questions have none. Run by `manage.py train_decision`.
"""

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.encoder.reader import EntryTexts, ReaderNetwork, pair_of
from chatbot.training.encoder_layers import STATE_DROPOUT, Descent, TextStates, by_length, fast_training, pad, trainable

log = logging.getLogger(__name__)

NUM_READ = 4  # entries that a question is read against in training
BATCH_QUESTIONS = 16
LEARNING_RATE = 1e-4
HEAD_LEARNING_RATE, LINE_LEARNING_RATE = 1e-3, 3e-2  # of what starts from nothing; of the cosine's scale and the bias
NUM_EPOCHS = 1
_PAIRS_AT_ONCE = 16


@dataclass(frozen=True)
class Reading:
    """A question and the entries that a search found for it, best first; `wanted`: those that answer, by place."""

    queries: tuple[str, ...]
    entries: tuple[EntryTexts, ...]
    wanted: tuple[int, ...]


def train(
    readings: Sequence[Reading], states: TextStates, start: nn.ModuleList, *, num_epochs: int, seed: int
) -> ReaderNetwork:
    """`start`: upper layers of the encoder."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    network = ReaderNetwork(trainable(start)).train()
    num_steps = num_epochs * (len(readings) // BATCH_QUESTIONS)
    descent = Descent(network, _parameter_groups(network), num_steps)
    _balance(network, states, readings[:: max(1, len(readings) // BATCH_QUESTIONS)])
    losses: list[float] = []
    for _ in range(num_epochs):
        order = draw.sample(range(len(readings)), len(readings))
        for start_at in range(0, len(order) - BATCH_QUESTIONS + 1, BATCH_QUESTIONS):
            batch = [_narrowed(readings[number], draw) for number in order[start_at : start_at + BATCH_QUESTIONS]]
            with fast_training():
                loss = _loss(network, states, batch)
            losses.append(descent.step(loss))
            if len(losses) % 50 == 0:
                log.info("step %s of %s: loss %.3f", len(losses), num_steps, sum(losses[-50:]) / 50)
    return network.eval()


@torch.no_grad()
def _balance(network: ReaderNetwork, states: TextStates, some: Sequence[Reading]) -> None:
    """Training starts from scores around 0, where neither an entry nor "none" is preferred."""
    with fast_training():
        scores = _scores(network, [_pair(states, one.queries, one.entries[0]) for one in some])
    network.out.bias.sub_(scores.mean())


def _parameter_groups(network: ReaderNetwork) -> list[dict[str, Any]]:
    line = [network.scale, network.out.bias]
    head = [network.kinds.weight, *network.inner.parameters(), network.out.weight]
    return [
        {"params": network.layers.parameters(), "lr": LEARNING_RATE},
        {"params": head, "lr": HEAD_LEARNING_RATE},
        {"params": line, "lr": LINE_LEARNING_RATE, "weight_decay": 0.0},
    ]


def _narrowed(reading: Reading, draw: random.Random) -> Reading:
    """The entries that answer and some others: the most alike, and one from further down."""
    others = [place for place in range(len(reading.entries)) if place not in reading.wanted]
    count = max(1, NUM_READ - len(reading.wanted))
    chosen = others[: count - 1] + draw.sample(others[count - 1 :], min(1, len(others[count - 1 :])))
    places = [*reading.wanted, *chosen]
    return Reading(
        reading.queries, tuple(reading.entries[place] for place in places), tuple(range(len(reading.wanted)))
    )


def _loss(network: ReaderNetwork, states: TextStates, batch: Sequence[Reading]) -> Tensor:
    """Cross entropy over each question's entries and "none", whose log-odds are 0."""
    pairs = [_pair(states, one.queries, texts) for one in batch for texts in one.entries]
    scores = torch.split(_scores(network, pairs, dropout=STATE_DROPOUT), [len(one.entries) for one in batch])
    losses = []
    for one, own in zip(batch, scores, strict=True):
        losses.append(F.cross_entropy(F.pad(own, (0, 1)), shares_of(one.wanted, len(own) + 1)))
    return torch.stack(losses).mean()


def shares_of(wanted: Sequence[int], width: int) -> Tensor:
    """Where the probability belongs: on what answers, in equal parts; on the last place where nothing does."""
    shares = torch.zeros(width)
    shares[list(wanted) or [width - 1]] = 1 / max(1, len(wanted))
    return shares


def _pair(states: TextStates, queries: Sequence[str], texts: EntryTexts) -> tuple[Tensor, Tensor]:
    return pair_of(states.of(queries), *states.of(texts))


def _scores(network: ReaderNetwork, pairs: Sequence[tuple[Tensor, Tensor]], *, dropout: float = 0.0) -> Tensor:
    """In the order of the pairs, made in batches of like length. Shape: (pairs,)."""

    def of_some(numbers: Sequence[int]) -> Tensor:
        padded, mask = pad([pairs[number][0] for number in numbers])
        kinds = nn.utils.rnn.pad_sequence([pairs[number][1] for number in numbers], batch_first=True)
        scores: Tensor = network(F.dropout(padded, dropout), kinds, mask)
        return scores.float()

    return by_length([len(kinds) for _, kinds in pairs], _PAIRS_AT_ONCE, of_some)
