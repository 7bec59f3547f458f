"""Trains classifiers of two views (`chatbot.encoder.two_views`): the sentiment, and the kinds of turns."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from chatbot.encoder.encoder import DIMENSIONS, Vectors
from chatbot.encoder.ngrams import NUM_BUCKETS, buckets_of
from chatbot.encoder.two_views import TwoViews
from chatbot.reply import calibration
from chatbot.training.datasets import DatasetError

NUM_STEPS, BATCH_SIZE = 800, 128
MEANING_RATE, WORDS_RATE = 3e-3, 5e-2
MEANING_DROPOUT, LABEL_SMOOTHING = 0.3, 0.05

Weights = dict[str, Vectors]


@dataclass(frozen=True)
class Labelled:
    """Texts, their vectors (texts, 384) and the numbers of their labels (texts,)."""

    texts: Sequence[str]
    vectors: Vectors
    labels: Tensor

    def part(self, numbers: Sequence[int]) -> "Labelled":
        chosen = list(numbers)
        return Labelled([self.texts[number] for number in chosen], self.vectors[chosen], self.labels[chosen])

    def joined(self, other: "Labelled") -> "Labelled":
        return Labelled(
            [*self.texts, *other.texts],
            np.concatenate([self.vectors, other.vectors]),
            torch.cat([self.labels, other.labels]),
        )


def train(examples: Labelled, *, num_labels: int, seed: int, meant: Labelled | None = None) -> Weights:
    """The weights of a `TwoViews`: both views fitted together, plus the encoder's fitted alone, which sees more.

    `meant`: examples for the latter only, whose words tell nothing. A minute on one core. Raises DatasetError where a
    label has no text.
    """
    counts = torch.bincount(examples.labels, minlength=num_labels)
    if not bool((counts > 0).all()):
        raise DatasetError(f"the data holds no text with label number {int(counts.argmin()) + 1} of {num_labels}.")
    both = _fit(examples, num_labels, seed, words_rate=WORDS_RATE)
    alone = _fit(examples.joined(meant) if meant else examples, num_labels, seed, words_rate=0.0)
    return both | {name: both[name] + alone[name] for name in ("meaning", "bias")}


def _fit(examples: Labelled, num_labels: int, seed: int, *, words_rate: float) -> Weights:
    """Rarer labels count for more than their number."""
    torch.manual_seed(seed)
    draw = random.Random(seed)
    labels = examples.labels
    buckets = [buckets_of(text) for text in examples.texts]
    rarity = _rarity(buckets)
    bags = [_bag(some, rarity) for some in buckets]
    vectors = torch.from_numpy(examples.vectors)
    mean, scale = vectors.mean(dim=0), vectors.std(dim=0).clamp(min=1e-3)
    meaning, words = nn.Linear(DIMENSIONS, num_labels), nn.EmbeddingBag(NUM_BUCKETS, num_labels, mode="sum")
    nn.init.zeros_(words.weight)
    counts = torch.bincount(labels, minlength=num_labels).float()
    label_weights = (counts.mean() / counts).sqrt()
    optimizer = torch.optim.AdamW(
        [
            {"params": meaning.parameters(), "lr": MEANING_RATE, "weight_decay": 0.3},
            {"params": words.parameters(), "lr": words_rate, "weight_decay": 0.01},
        ]
    )
    for _ in range(NUM_STEPS):
        chosen = [draw.randrange(len(labels)) for _ in range(BATCH_SIZE)]
        dropped = F.dropout((vectors[chosen] - mean) / scale, MEANING_DROPOUT)
        logits = meaning(dropped) + _through(words, [bags[number] for number in chosen])
        loss = F.cross_entropy(logits, labels[chosen], weight=label_weights, label_smoothing=LABEL_SMOOTHING)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    matrix = (meaning.weight / scale).T.detach()
    return {
        "meaning": matrix.numpy(),
        "bias": (meaning.bias.detach() - mean @ matrix).numpy(),
        "rarity": rarity,
        "words": words.weight.detach().numpy(),
    }


def logits_of(weights: Weights, examples: Labelled) -> Tensor:
    """Shape: (texts, labels)."""
    model, texts, vectors = TwoViews(weights), examples.texts, examples.vectors
    return torch.from_numpy(np.stack([model.logits(text, vector) for text, vector in zip(texts, vectors, strict=True)]))


def best_temperature(logits: Tensor, labels: Tensor) -> float:
    """What to divide the logits by so that their probabilities fit best (Guo et al. 2017)."""
    candidates = [0.3 + 0.05 * step for step in range(60)]
    return min(candidates, key=lambda temperature: float(F.cross_entropy(logits / temperature, labels)))


def cooled(weights: Weights, temperature: float) -> Weights:
    return {name: value if name == "rarity" else value / temperature for name, value in weights.items()}


def save(weights: Weights, path: Path) -> None:
    np.savez_compressed(path, **{name: value.astype(np.float16) for name, value in weights.items()})  # type: ignore[arg-type]


def calibration_error(confidence: Tensor, is_right: Tensor) -> float:
    """The expected calibration error. Shapes: (judgements,)."""
    return calibration.calibration_error(calibration.bins_of(zip(confidence.tolist(), is_right.tolist(), strict=True)))


def _rarity(texts: Sequence[Sequence[int]]) -> Vectors:
    """How much a bucket tells; 0 where no text has it, so that unseen ones say nothing."""
    counts = Counter(bucket for text in texts for bucket in text)
    rarity = np.zeros(NUM_BUCKETS, dtype=np.float32)
    for bucket, count in counts.items():
        rarity[bucket] = np.log((1 + len(texts)) / (1 + count))
    return rarity


def _bag(buckets: Sequence[int], rarity: Vectors) -> tuple[Sequence[int], Vectors]:
    weights = rarity[list(buckets)]
    return buckets, weights / max(float(np.linalg.norm(weights)), 1e-9)


def _through(words: nn.EmbeddingBag, bags: Sequence[tuple[Sequence[int], Vectors]]) -> Tensor:
    lengths = [len(buckets) for buckets, _ in bags]
    found: Tensor = words(
        torch.tensor([bucket for buckets, _ in bags for bucket in buckets]),
        torch.tensor([0, *lengths[:-1]]).cumsum(0),
        per_sample_weights=torch.from_numpy(np.concatenate([weights for _, weights in bags])),
    )
    return found
