"""Tells a customer message's sentiment. Knows no Django, database or training.

What a text means and how it is worded both count, see `encoder.two_views`. Trained by `manage.py train_sentiment`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from chatbot.encoder.encoder import SentenceEncoder, Vectors, get_encoder
from chatbot.encoder.two_views import TwoViews
from chatbot.sentiment.phrases import Span, driving_phrases

Label = Literal["negative", "neutral", "positive"]
LABELS: tuple[Label, ...] = ("negative", "neutral", "positive")
WEIGHTS_PATH = Path(__file__).with_name("sentiment.npz")
MAX_CHARS = 600  # a mood shows in the first sentences; the rest costs time


@dataclass(frozen=True)
class Sentiment:
    """A label and the calibrated probability of this label (0 to 1)."""

    label: Label
    probability: float


class SentimentClassifier:
    """Safe to use from several threads."""

    def __init__(self, encoder: SentenceEncoder, model: TwoViews) -> None:
        self._encoder, self._model = encoder, model

    @classmethod
    def load(cls) -> "SentimentClassifier":
        """With this process's encoder; takes a second."""
        return cls(get_encoder(), TwoViews.load(WEIGHTS_PATH))

    def classify(self, texts: Sequence[str]) -> list[Sentiment]:
        """One sentiment per text, in order. Of a long text the beginning counts; blank is neutral."""
        read = [text[:MAX_CHARS] for text in texts]
        vectors = self._encoder.encode(read, self._encoder.plain)
        return [self._judge(text, vector) for text, vector in zip(read, vectors, strict=True)]

    def phrases(self, text: str, label: Label) -> list[Span]:
        """The one to three phrases that pushed the text most to this label; none of neutral or where none clearly did.

        Of a long text the beginning counts. Costs about as much as classifying it five times.
        """
        read = text[:MAX_CHARS]
        if label == "neutral" or not read.strip():
            return []
        found = driving_phrases(read, lambda texts: self._log_odds(texts, LABELS.index(label)))
        return [span for span in found if span[1] < MAX_CHARS or read == text]  # the last may be half a word

    def _log_odds(self, texts: Sequence[str], number: int) -> list[float]:
        """Of the label with this number against all others, for each text."""
        vectors = self._encoder.encode(texts, self._encoder.plain)
        logits = [self._model.logits(text, vector) for text, vector in zip(texts, vectors, strict=True)]
        return [float(some[number] - np.logaddexp.reduce(np.delete(some, number))) for some in logits]

    def _judge(self, text: str, vector: Vectors) -> Sentiment:
        if not text.strip():
            return Sentiment("neutral", 1.0)
        shares = self._model.probabilities(text, vector)
        best = int(shares.argmax())
        return Sentiment(LABELS[best], float(shares[best]))
