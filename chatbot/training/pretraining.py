"""Owns pre-training: which data in which shares, the first weights, and the run. Run by `manage.py pretrain`."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase

from chatbot.language_model.checkpoints import save_checkpoint
from chatbot.language_model.prompt_format import END_OF_TEXT, PAD, SpecialTokenFormat
from chatbot.training.datasets import (
    DatasetError,
    Example,
    Record,
    Renderer,
    Rows,
    mix_examples,
    pack_stream,
    record_kind,
    record_language,
    record_texts,
    split_by_company,
)
from chatbot.training.initialisation import ModelSize, new_model, wire_first_weights
from chatbot.training.trainer import Progress, Trainer, TrainingPlan, TrainingResult

# Shares of the tokens. Text written for this task comes first: a few million tokens are far less than one pass over
# the corpora, so what is not useful for answering from a passage is left out. Copying exercises are a fifth.
DEFAULT_SHARES: Mapping[str, float] = {
    "conversation": 0.16,
    "followup": 0.15,
    "near_miss": 0.06,
    "reply": 0.05,
    "other_turn": 0.04,
    "paraphrase": 0.12,
    "copy": 0.12,
    "grounded": 0.10,
    "dialogue": 0.08,
    "document": 0.04,
    "translation": 0.03,
    "summary": 0.02,
    "sentiment": 0.02,
    "rewrite": 0.01,
}
MAX_EXAMPLE_TOKENS = 320
MAX_VALIDATION_TOKENS = 15_000


@dataclass(frozen=True)
class PretrainingData:
    """Packed rows, validation rows per language, and all token ids of the data for the first embeddings."""

    rows: Rows
    validation: Mapping[str, Rows]
    stream: npt.NDArray[np.int64]


def build_pools(
    prompt_format: SpecialTokenFormat, records: Sequence[Record], *, seed: int, max_per_pool: int = 6000
) -> dict[str, list[Example]]:
    """Render records into pools of examples by kind; English and Chinese are balanced within a pool's limit."""
    rng = random.Random(seed)
    renderer = Renderer(prompt_format, records, rng=rng)
    by_kind: dict[str, dict[str, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        by_kind[record_kind(record)][record_language(record)].append(record)
    pools: dict[str, list[Example]] = defaultdict(list)
    for kind, by_language in by_kind.items():
        for found in by_language.values():
            for record in rng.sample(found, min(len(found), max_per_pool // len(by_language))):
                pools[kind] += [_cut(example) for example in renderer.render(record)]
    for found in by_kind["reply"].values():
        pools["conversation"] += [renderer.render_conversation(pair) for pair in reply_pairs(found, rng)]
    for kind, key in (("document", "text"), ("grounded", "context"), ("answer", "answer")):
        for found in by_kind[kind].values():
            for record in rng.sample(found, min(len(found), 800)):
                pools["copy"] += islice(renderer.copy_examples(str(record[key])), 4)
    return {kind: [example for example in pool if len(example) <= MAX_EXAMPLE_TOKENS] for kind, pool in pools.items()}


def reply_pairs(records: Sequence[Record], rng: random.Random) -> Iterable[list[Record]]:
    """Shuffle replies into pairs of one company, for conversations of two turns."""
    by_company: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_company[record.get("company", "")].append(record)
    for found in by_company.values():
        shuffled = rng.sample(found, len(found))
        for first in range(0, len(shuffled), 2):
            yield shuffled[first : first + 2]


def _cut(example: Example) -> Example:
    """Cut long running text at its end; what has a target at its end is left alone (and dropped when too long)."""
    if example.kind not in ("document", "dialogue"):
        return example
    end = MAX_EXAMPLE_TOKENS
    return Example(example.ids[:end], example.is_target[:end], example.kind, example.language)


def prepare(
    prompt_format: SpecialTokenFormat,
    records: Sequence[Record],
    *,
    row_length: int,
    max_tokens: int,
    num_held_out: int,
    seed: int,
    shares: Mapping[str, float] = DEFAULT_SHARES,
) -> PretrainingData:
    """Split by company, render, mix and pack. Validation holds the task's own kinds, a stream per language."""
    training, held_out = split_by_company(records, num_held_out=num_held_out)
    pools = build_pools(prompt_format, training, seed=seed)
    end_of_text = prompt_format.ids[END_OF_TEXT]
    mixed = mix_examples(pools, shares, rng=random.Random(seed))
    rows = pack_stream(mixed, length=row_length, end_of_text_id=end_of_text, max_tokens=max_tokens)
    order = np.random.default_rng(seed).permutation(len(rows))
    validation = pack_validation(prompt_format, held_out, row_length)
    stream = _all_tokens(prompt_format, training, end_of_text)
    return PretrainingData(Rows(rows.ids[order], rows.labels[order]), validation, stream)


def pack_validation(prompt_format: SpecialTokenFormat, held_out: Sequence[Record], row_length: int) -> dict[str, Rows]:
    """Pack the held-out conversations as running text, a stream per language; a language may be missing."""
    end_of_text = prompt_format.ids[END_OF_TEXT]
    return {
        language: pack_stream(found, length=row_length, end_of_text_id=end_of_text, max_tokens=MAX_VALIDATION_TOKENS)
        for language, found in _validation_examples(prompt_format, held_out).items()
    }


def _validation_examples(prompt_format: SpecialTokenFormat, held_out: Sequence[Record]) -> dict[str, list[Example]]:
    renderer = Renderer(prompt_format, held_out, rng=random.Random(1))
    found: dict[str, list[Example]] = defaultdict(list)
    for record in held_out:
        if record_kind(record) in ("reply", "followup", "near_miss", "other_turn"):
            found[record_language(record)] += renderer.render(record)
    for examples in found.values():
        random.Random(1).shuffle(examples)
    return dict(found)


def _all_tokens(
    prompt_format: SpecialTokenFormat, records: Sequence[Record], end_of_text: int
) -> npt.NDArray[np.int64]:
    stream: list[int] = []
    for record in records:
        if record_kind(record) != "other":
            for text in record_texts(record):
                stream += [end_of_text, *prompt_format.encode(text)]
    return np.array(stream, dtype=np.int64)


def pretrain(
    tokenizer: PreTrainedTokenizerBase,
    data: PretrainingData,
    plan: TrainingPlan,
    output: Path,
    *,
    size: ModelSize,
    is_wired: bool = True,
    resume: bool = False,
    on_step: Callable[[Progress], None] | None = None,
) -> TrainingResult:
    """Train a new model, or go on with the run in `output`; the best checkpoint lies in `output/best`."""
    vocabulary = tokenizer.get_vocab()
    model = new_model(
        size,
        vocabulary_size=len(tokenizer),
        end_of_text_id=vocabulary[END_OF_TEXT],
        pad_id=vocabulary[PAD],
        seed=plan.seed,
    )
    if is_wired and not resume:
        wire_first_weights(model, data.stream, seed=plan.seed)

    def save_best(trained: GPT2LMHeadModel, folder: Path) -> None:
        save_checkpoint(trained, tokenizer, folder)

    trainer = Trainer(model, data.rows, data.validation, plan, output, save_best=save_best)
    if resume and not trainer.resume():
        raise DatasetError(f"{output} holds no state to resume; start without --resume.")
    return trainer.train(on_step)
