"""Trains and judges the sentiment classifier. Run by `manage.py train_sentiment`.

Held out are whole topics: blocks of neighbouring lines, both languages together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from chatbot.encoder.encoder import SentenceEncoder, Vectors
from chatbot.sentiment.classifier import LABELS, MAX_CHARS
from chatbot.training import two_views
from chatbot.training.companies import read_kind
from chatbot.training.datasets import Record, record_language

_LINES_PER_BLOCK, _BLOCKS_PER_HELD_OUT = 10, 8


@dataclass(frozen=True)
class SentimentScores:
    """Macro-F1 and accuracy (0 to 1) per language, and the expected calibration error over ten bins."""

    macro_f1: Mapping[str, float]
    accuracy: Mapping[str, float]
    calibration_error: float
    num_texts: Mapping[str, int]


@dataclass(frozen=True)
class LabelledTexts:
    """Texts with their vectors (N, 384), labels (N,) and languages (N,)."""

    texts: Sequence[str]
    vectors: Vectors
    labels: Tensor
    languages: Sequence[str]

    def part(self, numbers: Sequence[int]) -> "LabelledTexts":
        return LabelledTexts(
            [self.texts[number] for number in numbers],
            self.vectors[list(numbers)],
            self.labels[list(numbers)],
            [self.languages[number] for number in numbers],
        )


def read_texts(folder: Path, encoder: SentenceEncoder) -> tuple[LabelledTexts, list[bool]]:
    """Every labelled text of the folder, and which of them are held out for a trial."""
    records = list(read_kind(folder, "sentiment"))
    return label(records, encoder), [_is_held_out(record) for record in records]


def label(records: Sequence[Record], encoder: SentenceEncoder) -> LabelledTexts:
    texts = [record["text"][:MAX_CHARS] for record in records]
    labels = torch.tensor([LABELS.index(record["label"]) for record in records])
    return LabelledTexts(
        texts, encoder.encode(texts, encoder.plain), labels, [record_language(record) for record in records]
    )


def train(texts: LabelledTexts, *, seed: int) -> two_views.Weights:
    return two_views.train(texts.texts, texts.vectors, texts.labels, num_labels=len(LABELS), seed=seed)


def logits_of(weights: two_views.Weights, texts: LabelledTexts) -> Tensor:
    return two_views.logits_of(weights, texts.texts, texts.vectors)


def judge(weights: two_views.Weights, texts: LabelledTexts) -> SentimentScores:
    confidence, predicted = logits_of(weights, texts).softmax(dim=1).max(dim=1)
    is_right = predicted == texts.labels
    languages = np.array(texts.languages)
    rows = {language: torch.from_numpy(languages == language) for language in sorted(set(languages.tolist()))}
    return SentimentScores(
        {language: macro_f1(predicted[chosen], texts.labels[chosen]) for language, chosen in rows.items()},
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
    return bool(record["line"] // _LINES_PER_BLOCK % _BLOCKS_PER_HELD_OUT == 5)
