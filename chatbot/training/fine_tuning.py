"""Owns fine-tuning for the task: what an epoch holds, and the run. Run by `manage.py fine_tune`.

Learned is only what the model has to write: replies, standalone questions, refusals, small talk, translations,
summaries, and the label of a sentiment.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn
from transformers import GPT2LMHeadModel

from chatbot.language_model.checkpoints import Checkpoint, save_checkpoint
from chatbot.language_model.prompt_format import PAD, SpecialTokenFormat
from chatbot.training.datasets import (
    DatasetError,
    Example,
    Record,
    Renderer,
    Rows,
    pack_examples,
    record_kind,
    record_language,
    split_by_company,
)
from chatbot.training.pretraining import reply_pairs
from chatbot.training.trainer import Progress, Trainer, TrainingPlan, TrainingResult

# How many records of a kind an epoch holds; None is all of them.
EPOCH_LIMITS: Mapping[str, int | None] = {
    "followup": None,
    "near_miss": 300,
    "other_turn": None,
    "paraphrase": 600,
    "translation": 250,
    "summary": 40,
    "sentiment": 500,
    "rewrite": 100,
    "answer": 250,
}


@dataclass(frozen=True)
class FineTuningData:
    """Packed rows of several epochs, one after the other, and validation rows per language."""

    rows: Rows
    validation: Mapping[str, Rows]
    num_tokens_to_learn: int


def epoch_examples(prompt_format: SpecialTokenFormat, records: Sequence[Record], *, seed: int) -> list[Example]:
    """Render one epoch, shuffled. Another seed pairs the turns and picks the distractors anew.

    Every reply stands in a conversation of two turns half of the time and alone otherwise; answers give copying
    exercises.
    """
    rng = random.Random(seed)
    renderer = Renderer(prompt_format, records, rng=rng)
    by_kind: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_kind[record_kind(record)].append(record)
    examples: list[Example] = []
    pairs = list(
        reply_pairs([*by_kind["reply"], *rng.sample(by_kind["near_miss"], len(by_kind["near_miss"]) // 2)], rng)
    )
    for pair in pairs:
        examples += [renderer.render_conversation(pair)] if rng.random() < 0.5 else _flat(renderer, pair)
    for kind, limit in EPOCH_LIMITS.items():
        found = by_kind[kind]
        chosen = found if limit is None else rng.sample(found, min(limit, len(found)))
        for record in chosen:
            examples += renderer.copy_examples(record["answer"])[:1] if kind == "answer" else renderer.render(record)
    rng.shuffle(examples)
    return examples


def _flat(renderer: Renderer, records: Sequence[Record]) -> list[Example]:
    return [example for record in records for example in renderer.render(record)]


def prepare(
    prompt_format: SpecialTokenFormat,
    records: Sequence[Record],
    *,
    row_length: int,
    num_epochs: int,
    num_held_out: int,
    seed: int,
) -> FineTuningData:
    """Split by company, render and pack `num_epochs` epochs (each with new choices) and the validation rows."""
    training, held_out = split_by_company(records, num_held_out=num_held_out)
    pad = prompt_format.ids[PAD]
    epochs = [
        pack_examples(epoch_examples(prompt_format, training, seed=seed * 1000 + epoch), length=row_length, pad_id=pad)
        for epoch in range(num_epochs)
    ]
    shuffled = [np.random.default_rng(seed + number).permutation(len(rows)) for number, rows in enumerate(epochs)]
    ids = np.concatenate([rows.ids[order] for rows, order in zip(epochs, shuffled, strict=True)])
    labels = np.concatenate([rows.labels[order] for rows, order in zip(epochs, shuffled, strict=True)])
    return FineTuningData(
        Rows(ids, labels), validation_rows(prompt_format, held_out, row_length), int((labels >= 0).sum())
    )


def validation_rows(prompt_format: SpecialTokenFormat, held_out: Sequence[Record], row_length: int) -> dict[str, Rows]:
    """Pack the held-out replies, follow-ups, near misses and other turns, by language."""
    renderer = Renderer(prompt_format, held_out, rng=random.Random(0))
    by_language: dict[str, list[Example]] = defaultdict(list)
    for record in held_out:
        if record_kind(record) in ("reply", "followup", "near_miss", "other_turn"):
            by_language[record_language(record)] += renderer.render(record)
    pad = prompt_format.ids[PAD]
    return {language: pack_examples(found, length=row_length, pad_id=pad) for language, found in by_language.items()}


def fine_tune(
    checkpoint: Checkpoint,
    data: FineTuningData,
    plan: TrainingPlan,
    output: Path,
    *,
    resume: bool = False,
    on_step: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a checkpoint further, or go on with the run in `output`; the best one lies in `output/best`."""

    def save_best(trained: GPT2LMHeadModel, folder: Path) -> None:
        save_checkpoint(trained, checkpoint.tokenizer, folder)

    model: GPT2LMHeadModel = nn.Module.float(checkpoint.model)
    trainer = Trainer(model, data.rows, data.validation, plan, output, save_best=save_best)
    if resume and not trainer.resume():
        raise DatasetError(f"{output} holds no state to resume; start without --resume.")
    return trainer.train(on_step)
