"""The trained classifier of intents, by what a turn means and how it is worded. Knows no rules."""

from functools import cache
from pathlib import Path

from chatbot.encoder.encoder import get_encoder
from chatbot.encoder.two_views import TwoViews

INTENTS = ("question", "several", "handoff", "refuse", "smalltalk")  # several: two questions or more
HEAD_PATH = Path(__file__).with_name("intent_head.npz")


def intent_probabilities(text: str) -> dict[str, float]:
    """The probability of each of INTENTS for one turn."""
    encoder = get_encoder()
    (vector,) = encoder.encode([text], encoder.plain)
    return dict(zip(INTENTS, _classifier().probabilities(text, vector).tolist(), strict=True))


@cache
def _classifier() -> TwoViews:
    return TwoViews.load(HEAD_PATH)
