"""Tells a customer message's sentiment. Knows no Django, database or training.

What a text means and how it is worded both count, see `encoder.two_views`. Trained by `manage.py train_sentiment`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from chatbot.encoder.encoder import SentenceEncoder, Vectors, get_encoder
from chatbot.encoder.two_views import TwoViews

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

    def _judge(self, text: str, vector: Vectors) -> Sentiment:
        if not text.strip():
            return Sentiment("neutral", 1.0)
        shares = self._model.probabilities(text, vector)
        best = int(shares.argmax())
        return Sentiment(LABELS[best], float(shares[best]))
