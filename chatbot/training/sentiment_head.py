"""Owns training and judging the sentiment head on a finished backbone. Run by `manage.py fine_tune`."""

from __future__ import annotations

import dataclasses
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from chatbot.language_model.checkpoints import Checkpoint
from chatbot.language_model.prompt_format import TextEncoder
from chatbot.sentiment.classifier import (
    LABELS,
    HeadConfig,
    Label,
    SentimentHead,
    encode_for_sentiment,
    pooled_features,
)
from chatbot.training.datasets import DatasetError, Language, Record, record_kind, record_language, split_by_company

# Texts from other registers than customer service count less than the authored ones.
AUTHORED_WEIGHT = 4.0
MAX_PER_SOURCE = 4_000
# Requests to a service desk count as neutral: corpora of reviews hold no such text, in Chinese nothing neutral at all.
MAX_REQUESTS_PER_SOURCE = 1_200
NUM_EPOCHS = 8


@dataclass(frozen=True)
class LabelledText:
    """A text with its label, and how much it counts."""

    text: str
    label: Label
    language: Language
    weight: float = 1.0


@dataclass(frozen=True)
class SentimentScores:
    """Macro-F1 and accuracy (0 to 1) per language, and the expected calibration error over ten bins."""

    macro_f1: Mapping[str, float]
    accuracy: Mapping[str, float]
    calibration_error: float
    num_texts: Mapping[str, int]


def labelled_texts(records: Sequence[Record], *, seed: int) -> tuple[list[LabelledText], list[LabelledText]]:
    """Return (training, held-out) texts; held out are blocks of authored lines, no other corpus."""
    rng = random.Random(seed)
    authored = [record for record in records if record_kind(record) == "sentiment" and "driver" in record]
    training_records, held_out = split_by_company(authored, num_held_out=0)
    training = [_labelled(record, AUTHORED_WEIGHT) for record in training_records]
    by_source: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if record_kind(record) == "sentiment" and "driver" not in record:
            by_source[str(record.get("source", "")).split("_")[0]].append(record)
        elif record_kind(record) == "intent" and record["intent"] not in _NOT_A_REQUEST:
            by_source[f"requests-{record_language(record)}"].append({**record, "label": "neutral"})
        elif record_kind(record) == "paraphrase" and "answer_lang" not in record:
            by_source[f"requests-authored-{record_language(record)}"].append({**record, "label": "neutral"})
    for source, found in sorted(by_source.items()):
        limit = MAX_REQUESTS_PER_SOURCE if source.startswith("requests-") else MAX_PER_SOURCE
        training += [_labelled(record, 1.0) for record in rng.sample(found, min(limit, len(found)))]
    if not training:
        raise DatasetError("the data holds no text with a sentiment")
    return training, [_labelled(record, 1.0) for record in held_out]


_NOT_A_REQUEST = frozenset(
    {"oos", "goodbye", "thank", "thanks", "thank_you", "thankyou", "greet", "greeting", "bye", "general", "rejection"}
    | {"outofdomain", "contentonly", "confirmation", "openinggreeting", "closinggreeting"}
)


def _labelled(record: Record, weight: float) -> LabelledText:
    return LabelledText(record["text"], record["label"], record_language(record), weight)


def train_head(
    checkpoint: Checkpoint,
    texts: Sequence[LabelledText],
    held_out: Sequence[LabelledText],
    *,
    seed: int,
    num_epochs: int = NUM_EPOCHS,
    on_batch: Callable[[int, int], None] | None = None,
) -> SentimentHead:
    """Return a head trained on the texts, calibrated on the held-out ones. The backbone stays as it is.

    `on_batch(done, total)` reports the slow part, reading the texts with the backbone.
    """
    torch.manual_seed(seed)
    encoder = TextEncoder(checkpoint.tokenizer)
    ids, features = read_texts(checkpoint, encoder, [text.text for text in texts], on_batch=on_batch)
    head = SentimentHead(HeadConfig(checkpoint.model.config.n_embd, checkpoint.model.config.vocab_size))
    head.mean.copy_(features.mean(0))
    head.scale.copy_(features.std(0).clamp_min(1e-3))
    _fit(head, ids, features, _targets(texts), _weights(texts), num_epochs, random.Random(seed))
    if held_out:
        held_ids, held_features = read_texts(checkpoint, encoder, [text.text for text in held_out])
        head.config = dataclasses.replace(
            head.config, temperature=_temperature(head(held_features, held_ids).detach(), _targets(held_out))
        )
    return head.eval()


def read_texts(
    checkpoint: Checkpoint,
    encoder: TextEncoder,
    texts: Sequence[str],
    *,
    batch_size: int = 64,
    on_batch: Callable[[int, int], None] | None = None,
) -> tuple[list[list[int]], Tensor]:
    """Return the token ids and the pooled features (N, 3 * width) of texts; texts of like length go together."""
    ids = [encode_for_sentiment(encoder, text) for text in texts]
    order = sorted(range(len(ids)), key=lambda index: len(ids[index]))
    features = torch.zeros(len(ids), 3 * checkpoint.model.config.n_embd)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        features[chosen] = pooled_features(checkpoint.model, [ids[index] for index in chosen])
        if on_batch is not None:
            on_batch(start + len(chosen), len(order))
    return ids, features


def score_head(checkpoint: Checkpoint, head: SentimentHead, texts: Sequence[LabelledText]) -> SentimentScores:
    """Judge a head on labelled texts."""
    ids, features = read_texts(checkpoint, TextEncoder(checkpoint.tokenizer), [text.text for text in texts])
    with torch.no_grad():
        probabilities = torch.softmax(head(features, ids) / head.config.temperature, dim=1)
    confidence, predicted = probabilities.max(1)
    targets = _targets(texts)
    languages = sorted({text.language for text in texts})
    chosen = {language: torch.tensor([text.language == language for text in texts]) for language in languages}
    return SentimentScores(
        {language: macro_f1(predicted[rows], targets[rows]) for language, rows in chosen.items()},
        {language: float((predicted == targets)[rows].float().mean()) for language, rows in chosen.items()},
        _calibration_error(confidence, predicted == targets),
        {language: int(rows.sum()) for language, rows in chosen.items()},
    )


def macro_f1(predicted: Tensor, targets: Tensor) -> float:
    """Mean over the labels that occur of the harmonic mean of precision and recall."""
    scores = []
    for label in range(len(LABELS)):
        right = int(((predicted == label) & (targets == label)).sum())
        total = int((predicted == label).sum()) + int((targets == label).sum())
        if int((targets == label).sum()):
            scores.append(2 * right / total)
    return sum(scores) / max(1, len(scores))


def _fit(
    head: SentimentHead,
    ids: Sequence[Sequence[int]],
    features: Tensor,
    targets: Tensor,
    weights: Tensor,
    num_epochs: int,
    rng: random.Random,
) -> None:
    states = [*head.hidden.parameters(), *head.out.parameters()]
    words = [*head.tokens.parameters(), *head.pairs.parameters()]
    groups = [{"params": states, "lr": 1e-3, "weight_decay": 0.05}, {"params": words, "lr": 2e-2, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups)
    batch_size = 128
    num_steps = num_epochs * -(-len(ids) // batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1.0 - step / max(1, num_steps))
    head.train()
    for _ in range(num_epochs):
        order = rng.sample(range(len(ids)), len(ids))
        for start in range(0, len(order), batch_size):
            chosen = order[start : start + batch_size]
            dropped = F.dropout(features[chosen] - head.mean, 0.3) + head.mean
            logits = head(dropped, [ids[index] for index in chosen])
            losses = F.cross_entropy(logits, targets[chosen], reduction="none", label_smoothing=0.05)
            loss = (losses * weights[chosen]).mean()
            # The weights of rare words stay small unless the data insists.
            loss = loss + 2e-6 * (head.tokens.weight.square().sum() + head.pairs.weight.square().sum())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()


def _targets(texts: Sequence[LabelledText]) -> Tensor:
    return torch.tensor([LABELS.index(text.label) for text in texts])


def _weights(texts: Sequence[LabelledText]) -> Tensor:
    """Give every pair of language and label the same total weight; the mean weight is 1."""
    totals: dict[tuple[str, str], float] = defaultdict(float)
    for text in texts:
        totals[text.language, text.label] += text.weight
    raw = torch.tensor([text.weight / totals[text.language, text.label] for text in texts])
    return raw / raw.mean()


def _temperature(logits: Tensor, targets: Tensor) -> float:
    candidates = [0.5 + 0.05 * step for step in range(60)]
    losses = [float(F.cross_entropy(logits / temperature, targets)) for temperature in candidates]
    return round(candidates[losses.index(min(losses))], 3)


def _calibration_error(confidence: Tensor, is_right: Tensor) -> float:
    total = 0.0
    for lower in (step / 10 for step in range(10)):
        inside = (confidence > lower) & (confidence <= lower + 0.1)
        if bool(inside.any()):
            total += float(inside.float().mean()) * abs(
                float(confidence[inside].mean() - is_right[inside].float().mean())
            )
    return total
