"""Trains and judges the classifier of intents, `chatbot.reply.intent_head`. Run by `manage.py train_decision`.

What customers ask is the bulk of the texts, so only a sample of it is learned from.
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
from chatbot.training.two_views import Labelled

QUESTIONS_PER_OTHER_TURN = 4


@dataclass(frozen=True)
class Turns:
    """Examples, their labels in the order of INTENTS, and the company that each was said to."""

    examples: Labelled
    companies: Sequence[str]

    def of(self, names: Sequence[str]) -> Labelled:
        numbers = [number for number, company in enumerate(self.companies) if company in names]
        old = self.examples
        return Labelled([old.texts[number] for number in numbers], old.vectors[numbers], old.labels[numbers])


def read_turns(folder: Path, encoder: SentenceEncoder, *, seed: int) -> Turns:
    others = [(record["question"], record["action"], record["company"]) for record in read_kind(folder, "other_turns")]
    several = [(record["question"], "several", record["company"]) for record in read_kind(folder, "several")]
    questions = [
        (record.get("text") or record["question"], "question", record["company"])
        for name in ("paraphrases", "followups", "near_misses", "replies")
        for record in read_kind(folder, name)
    ]
    some = random.Random(seed).sample(questions, min(len(questions), QUESTIONS_PER_OTHER_TURN * len(others)))
    rows = [*others, *several, *some]
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
