"""Trains and judges the sentiment classifier. Run by `manage.py train_sentiment`.

Held out are whole topics: blocks of neighbouring lines, both languages together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from chatbot.encoder.encoder import SentenceEncoder
from chatbot.sentiment.classifier import LABELS, MAX_CHARS
from chatbot.training import two_views
from chatbot.training.companies import read_kind
from chatbot.training.datasets import Record, record_language
from chatbot.training.two_views import Labelled

_LINES_PER_BLOCK, _BLOCKS_PER_HELD_OUT = 10, 8


@dataclass(frozen=True)
class SentimentScores:
    """Macro-F1 and accuracy (0 to 1) per language, and the expected calibration error over ten bins."""

    macro_f1: Mapping[str, float]
    accuracy: Mapping[str, float]
    calibration_error: float
    num_texts: Mapping[str, int]


@dataclass(frozen=True)
class Moods:
    """Examples with each text's language, and which of them are held out for a trial."""

    examples: Labelled
    languages: Sequence[str]
    is_held_out: Sequence[bool]

    def part(self, *, held_out: bool) -> "Moods":
        numbers = [number for number, flag in enumerate(self.is_held_out) if flag is held_out]
        return Moods(
            self.examples.part(numbers), [self.languages[number] for number in numbers], [held_out] * len(numbers)
        )


def read_moods(folder: Path, encoder: SentenceEncoder) -> tuple[Moods, Moods]:
    """Texts, and pairs with like words and different moods, which teach what is meant only."""
    texts, pairs = (label(list(read_kind(folder, name)), encoder) for name in ("sentiment", "sentiment_pairs"))
    return texts, pairs


def label(records: Sequence[Record], encoder: SentenceEncoder) -> Moods:
    texts = [record["text"][:MAX_CHARS] for record in records]
    labels = torch.tensor([LABELS.index(record["label"]) for record in records])
    return Moods(
        Labelled(texts, encoder.encode(texts, encoder.plain), labels),
        [record_language(record) for record in records],
        [_is_held_out(record) for record in records],
    )


def train(moods: Moods, pairs: Moods, *, seed: int) -> two_views.Weights:
    return two_views.train(moods.examples, num_labels=len(LABELS), seed=seed, meant=pairs.examples)


def judge(weights: two_views.Weights, moods: Moods) -> SentimentScores:
    labels = moods.examples.labels
    confidence, predicted = two_views.logits_of(weights, moods.examples).softmax(dim=1).max(dim=1)
    is_right = predicted == labels
    languages = np.array(moods.languages)
    rows = {language: torch.from_numpy(languages == language) for language in sorted(set(languages.tolist()))}
    return SentimentScores(
        {language: macro_f1(predicted[chosen], labels[chosen]) for language, chosen in rows.items()},
        {language: float(is_right[chosen].float().mean()) for language, chosen in rows.items()},
        two_views.calibration_error(confidence, is_right),
        {language: int(chosen.sum()) for language, chosen in rows.items()},
    )


def macro_f1(predicted: Tensor, labels: Tensor) -> float:
    """Mean over the labels that occur of the harmonic mean of precision and recall."""
    scores = []
    for number in range(len(LABELS)):
        right = int(((predicted == number) & (labels == number)).sum())
        total = int((predicted == number).sum()) + int((labels == number).sum())
        if bool((labels == number).any()):
            scores.append(2 * right / total)
    return sum(scores) / max(1, len(scores))


def _is_held_out(record: Record) -> bool:
    """`line` numbers a text within its file, so that ten neighbours share a topic."""
    return bool(record.get("line", 0) // _LINES_PER_BLOCK % _BLOCKS_PER_HELD_OUT == 5)
