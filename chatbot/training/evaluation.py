"""Owns the numbers of a checkpoint on held-out companies: perplexity, grounding of replies, rewriting, copying.

Run by `manage.py evaluate_model`. Everything is judged without the pipeline's support check: this is the bare model.
"""

from __future__ import annotations

import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from chatbot.language_model.checkpoints import Checkpoint
from chatbot.language_model.generation import continue_prompt, decode
from chatbot.language_model.prompt_format import SpecialTokenFormat, Turn
from chatbot.training.datasets import (
    DatasetError,
    Record,
    Rows,
    history_turns,
    record_kind,
    record_language,
    sentences,
    split_by_company,
    text_units,
)
from chatbot.training.fine_tuning import validation_rows
from chatbot.training.pretraining import pack_validation
from chatbot.training.trainer import language_model_loss

_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")
ROW_LENGTH = 384
MAX_REPLY_TOKENS = 96
MAX_QUESTION_TOKENS = 48


@dataclass(frozen=True)
class ReplyScores:
    """How replies written from a passage did, as shares (0 to 1).

    `numbers_supported`: of all replies, those whose numbers all stand in the passage, question or history;
    `has_number`: those with a number at all; `numbers_right`: of the references with numbers, those whose reply has
    exactly the same numbers. `words_supported`: mean share of a reply's words that stand in the passage or question.
    `overlap`: mean F1 of words with the reference reply. `finished`: ended by itself.
    """

    num_replies: int
    numbers_supported: float
    has_number: float
    numbers_right: float
    words_supported: float
    overlap: float
    finished: float


@dataclass(frozen=True)
class RewriteScores:
    """How follow-ups were made standalone: word F1 with the reference, and the same for the bare question."""

    num_questions: int
    exact: float
    overlap: float
    bare_question_overlap: float


@dataclass(frozen=True)
class ModelScores:
    """All numbers of one checkpoint. Maps are by language; perplexity is per token of our tokenizer."""

    version: str
    task_perplexity: Mapping[str, float]
    text_perplexity: Mapping[str, float]
    replies: Mapping[str, ReplyScores]
    rewrites: Mapping[str, RewriteScores]
    declines: Mapping[str, float]
    copied: Mapping[str, float]


@dataclass(frozen=True)
class Sample:
    """One generated text with what was asked and what was expected, for people to read."""

    kind: str
    question: str
    passage: str
    expected: str
    written: str


def evaluate_model(
    checkpoint: Checkpoint,
    records: Sequence[Record],
    *,
    num_held_out: int,
    max_per_kind: int = 100,
    on_text: Callable[[int, int], None] | None = None,
) -> tuple[ModelScores, list[Sample]]:
    """Judge a checkpoint on the held-out companies; greedy decoding, so the same numbers each time.

    `max_per_kind` generations per kind and language; `on_text(done, total)` reports them.
    """
    prompt_format = checkpoint.prompt_format
    if not isinstance(prompt_format, SpecialTokenFormat):
        raise DatasetError(
            "this checkpoint has no special tokens; evaluate_model measures models trained for this task"
        )
    _, held_out = split_by_company(records, num_held_out=num_held_out)
    chosen = _choose(held_out, max_per_kind)
    total = sum(len(found) for found in chosen.values())
    written: dict[tuple[str, str], list[tuple[Record, str, bool]]] = defaultdict(list)
    done = 0
    for (kind, language), found in chosen.items():
        for record in found:
            written[kind, language].append((record, *_write(checkpoint, kind, record)))
            done += 1
            if on_text is not None:
                on_text(done, total)
    row_length = min(ROW_LENGTH, checkpoint.num_positions)
    scores = ModelScores(
        checkpoint.version,
        _perplexities(checkpoint, validation_rows(prompt_format, held_out, row_length)),
        _perplexities(checkpoint, pack_validation(prompt_format, held_out, row_length)),
        {language: _score_replies(found) for (kind, language), found in written.items() if kind == "reply"},
        {language: _score_rewrites(found) for (kind, language), found in written.items() if kind == "rewrite"},
        {
            language: _share(found, looks_like_decline)
            for (kind, language), found in written.items()
            if kind == "near_miss"
        },
        {language: _copied(found) for (kind, language), found in written.items() if kind == "copy"},
    )
    return scores, [_sample(kind, *item) for (kind, _), found in written.items() for item in found]


def _choose(held_out: Sequence[Record], limit: int) -> dict[tuple[str, str], list[Record]]:
    by_kind: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in held_out:
        kind, language = record_kind(record), record_language(record)
        if kind in ("reply", "followup", "near_miss"):
            by_kind["reply" if kind == "followup" else kind, language].append(record)
        if kind == "followup":
            by_kind["rewrite", language].append(record)
        if kind == "answer" and len(sentences(record["answer"])) > 1:
            by_kind["copy", language].append(record)
    rng = random.Random(0)
    return {key: rng.sample(found, min(limit, len(found))) for key, found in sorted(by_kind.items())}


def _write(checkpoint: Checkpoint, kind: str, record: Record) -> tuple[str, bool]:
    """Return what the model writes, and whether it ended by itself."""
    prompt_format = checkpoint.prompt_format
    history = history_turns(record.get("history") or [])
    if kind == "rewrite":
        limit = MAX_QUESTION_TOKENS
        prompt = prompt_format.standalone_prompt([*history, Turn("customer", record["question"])])
    elif kind == "copy":
        limit = MAX_REPLY_TOKENS
        prompt = prompt_format.reply_prompt([Turn("customer", _second_sentence(record), passages=(record["answer"],))])
    else:
        limit = MAX_REPLY_TOKENS
        turn = Turn("customer", record["question"], record.get("standalone", ""), (record["passage"],))
        prompt = prompt_format.reply_prompt([*history, turn])
    new = continue_prompt(checkpoint, prompt, max_new_tokens=limit)
    return decode(checkpoint, new), len(new) < limit


def _second_sentence(record: Record) -> str:
    return sentences(record["answer"])[1]


def _score_replies(found: Sequence[tuple[Record, str, bool]]) -> ReplyScores:
    with_numbers = [(record, text) for record, text, _ in found if numbers_of(record["reply"])]
    return ReplyScores(
        len(found),
        _share(found, lambda record, text: numbers_of(text) <= numbers_of(_sources(record))),
        _share(found, lambda record, text: bool(numbers_of(text))),
        sum(numbers_of(text) == numbers_of(record["reply"]) for record, text in with_numbers)
        / max(1, len(with_numbers)),
        sum(_words_supported(record, text) for record, text, _ in found) / max(1, len(found)),
        sum(word_overlap(text, record["reply"]) for record, text, _ in found) / max(1, len(found)),
        sum(is_finished for _, _, is_finished in found) / max(1, len(found)),
    )


def _score_rewrites(found: Sequence[tuple[Record, str, bool]]) -> RewriteScores:
    num = max(1, len(found))
    return RewriteScores(
        len(found),
        _share(found, lambda record, text: text_units(text) == text_units(record["standalone"])),
        sum(word_overlap(text, record["standalone"]) for record, text, _ in found) / num,
        sum(word_overlap(record["question"], record["standalone"]) for record, _, _ in found) / num,
    )


def _copied(found: Sequence[tuple[Record, str, bool]]) -> float:
    """Share of exercises "repeat this sentence of the passage" whose words came back exactly."""
    return _share(found, lambda record, text: text_units(text) == text_units(_second_sentence(record)))


def _share(found: Sequence[tuple[Record, str, bool]], test: Callable[[Record, str], bool]) -> float:
    return sum(test(record, text) for record, text, _ in found) / max(1, len(found))


def numbers_of(text: str) -> set[str]:
    """Return the numbers of a text as written, without thousands separators."""
    return {number.replace(",", "") for number in _NUMBER.findall(text)}


def looks_like_decline(record: Record, text: str) -> bool:
    """Tell by its words whether a reply says that the answer isn't known, or offers a person."""
    del record
    words = (
        "colleague",
        "teammate",
        "not sure",
        "n't have",
        "n't say",
        "n't know",
        "nothing about",
        "doesn't",
        "can't",
    )
    chinese = ("同事", "人工", "没有", "查不到", "没写", "没提", "不确定", "不清楚", "不敢", "转给", "未提")
    return any(word in text for word in (*words, *chinese))


def word_overlap(written: str, expected: str) -> float:
    """Return the F1 of the words (Chinese: characters) that two texts share, as in SQuAD (Rajpurkar et al. 2016)."""
    left, right = Counter(text_units(written)), Counter(text_units(expected))
    shared = sum((left & right).values())
    return 2 * shared / max(1, sum(left.values()) + sum(right.values()))


def _sources(record: Record) -> str:
    history = " ".join(turn.text for turn in history_turns(record.get("history") or []))
    return f"{record['passage']} {record['question']} {record.get('standalone', '')} {history}"


def _words_supported(record: Record, text: str) -> float:
    words, sources = text_units(text), set(text_units(_sources(record)))
    return sum(word in sources for word in words) / max(1, len(words))


@torch.no_grad()
def _perplexities(checkpoint: Checkpoint, validation: Mapping[str, Rows]) -> dict[str, float]:
    return {language: math.exp(_mean_loss(checkpoint, rows)) for language, rows in sorted(validation.items())}


def _mean_loss(checkpoint: Checkpoint, rows: Rows) -> float:
    total, count = 0.0, 0
    for start in range(0, len(rows), 8):
        ids, labels = torch.from_numpy(rows.ids[start : start + 8]), torch.from_numpy(rows.labels[start : start + 8])
        device = checkpoint.model.device
        loss, learned = language_model_loss(checkpoint.model, ids.to(device), labels.to(device))
        total, count = total + float(loss) * learned, count + learned
    return total / max(1, count)


def _sample(kind: str, record: Record, written: str, is_finished: bool) -> Sample:
    del is_finished
    if kind == "copy":
        return Sample(kind, _second_sentence(record), record["answer"], _second_sentence(record), written)
    expected = record["standalone"] if kind == "rewrite" else record["reply"]
    history = " / ".join(turn.text for turn in history_turns(record.get("history") or []))
    question = f"{history} / {record['question']}" if history else record["question"]
    return Sample(kind, question, record["passage"], expected, written)
