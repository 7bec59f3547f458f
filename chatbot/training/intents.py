"""Trains and judges the classifier of intents, `chatbot.reply.intent_head`. Run by `manage.py train_decision`.

What customers ask is the bulk of the texts, so only a sample of it is learned from; always what only looks as if it
asked several things.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from chatbot.encoder.encoder import SentenceEncoder
from chatbot.reply.intent_head import INTENTS
from chatbot.training import two_views
from chatbot.training.companies import read_kind
from chatbot.training.datasets import DatasetError
from chatbot.training.two_views import Labelled

QUESTIONS_PER_OTHER_TURN = 4


@dataclass(frozen=True)
class Turns:
    """Examples, their labels in the order of INTENTS, and the company that each was said to."""

    examples: Labelled
    companies: Sequence[str]

    def of(self, names: Sequence[str]) -> Labelled:
        """What was said to these companies."""
        return self.examples.part([number for number, company in enumerate(self.companies) if company in names])


def read_turns(folder: Path, encoder: SentenceEncoder, *, seed: int) -> Turns:
    """Raises DatasetError where a turn's action is no intent."""
    others = [(record["question"], record["action"], record["company"]) for record in read_kind(folder, "other_turns")]
    several = [(record["question"], "several", record["company"]) for record in read_kind(folder, "several")]
    records = [r for name in ("paraphrases", "followups", "near_misses", "replies") for r in read_kind(folder, name)]
    questions: list[tuple[str, str, str]] = []
    like_several: list[tuple[str, str, str]] = []
    for record in records:
        row = (record.get("text") or record["question"], "question", record["company"])
        (like_several if record.get("like") == "several" else questions).append(row)
    some = random.Random(seed).sample(questions, min(len(questions), QUESTIONS_PER_OTHER_TURN * len(others)))
    rows = [*others, *several, *like_several, *some]
    unknown = {intent for _, intent, _ in rows} - set(INTENTS)
    if unknown:
        raise DatasetError(f"{folder}: {', '.join(sorted(unknown))} is no action; known are {', '.join(INTENTS)}.")
    texts = [text for text, _, _ in rows]
    labels = torch.tensor([INTENTS.index(intent) for _, intent, _ in rows])
    return Turns(Labelled(texts, encoder.encode(texts, encoder.plain), labels), [company for *_, company in rows])


def train(examples: Labelled, *, seed: int) -> two_views.Weights:
    return two_views.train(examples, num_labels=len(INTENTS), seed=seed)


def recalls(weights: two_views.Weights, examples: Labelled) -> dict[str, float]:
    """The share of each intent's examples that are taken for it."""
    is_right = two_views.logits_of(weights, examples).argmax(dim=1) == examples.labels
    return {
        name: round(float(is_right[examples.labels == number].float().mean()), 4) for number, name in enumerate(INTENTS)
    }
