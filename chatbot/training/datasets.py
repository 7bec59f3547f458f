"""Owns the way from JSON Lines to training rows: reading, splitting, rendering in our layout, mixing, packing.

Reads any folder of `*.jsonl` and `*.jsonl.xz`; a record's shape is told by its keys. Knows no model.
"""

from __future__ import annotations

import json
import lzma
import random
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from chatbot.language_model.prompt_format import (
    BOT,
    END,
    END_OF_TEXT,
    FACTS,
    KNOWLEDGE,
    NEGATIVE,
    NEUTRAL,
    POSITIVE,
    SENTIMENT,
    STANDALONE,
    SUMMARY,
    TRANSLATE,
    Role,
    SpecialTokenFormat,
    Turn,
)

Record = dict[str, Any]
Language = Literal["en", "zh"]
IGNORED = -100
NUM_HELD_OUT_COMPANIES = 6
SPLIT_SEED = 1  # not the run's seed: every run holds out the same companies
SENTIMENT_TOKENS = {"negative": NEGATIVE, "neutral": NEUTRAL, "positive": POSITIVE}
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_UNIT = re.compile(r"[\u4e00-\u9fff]|[^\W\u4e00-\u9fff]+")
_SENTENCE = re.compile(r"[^。！？!?\n]*?(?:[。！？!?]+|[.](?=\s|$)|\n|$)")
_ROLES: dict[str, Role] = {"customer": "customer", "bot": "bot", "agent": "agent"}


class DatasetError(Exception):
    """The data folder can't be used; the message says why and where."""


def data_files(folder: Path, *, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Path]:
    """Return the data files below a folder, sorted by path.

    A file stays if its relative path holds a word of `include` (none given: every file) and no word of `exclude`.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder. Pass the folder with your *.jsonl or *.jsonl.xz files.")
    paths = [path for path in sorted(folder.rglob("*")) if path.name.endswith((".jsonl", ".jsonl.xz"))]
    names = {path: str(path.relative_to(folder)) for path in paths}
    kept = [path for path in paths if not include or _holds_any(names[path], include)]
    kept = [path for path in kept if not _holds_any(names[path], exclude)]
    if not kept:
        raise DatasetError(f"{folder} holds no *.jsonl or *.jsonl.xz file (after the exclusions).")
    return kept


def _holds_any(name: str, words: Sequence[str]) -> bool:
    return any(word in name for word in words)


def read_file(path: Path) -> Iterator[Record]:
    """Yield the records of one file. A line that is no JSON object raises `DatasetError` with its number."""
    with lzma.open(path, "rt", encoding="utf-8") if path.suffix == ".xz" else path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise DatasetError(f"{path.name}, line {number}: not JSON ({error.msg})") from error
            if not isinstance(record, dict):
                raise DatasetError(f"{path.name}, line {number}: not a JSON object")
            yield record


def read_records(
    folder: Path,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    max_per_file: int | None = None,
    whole: Sequence[str] = (),
    seed: int = 0,
) -> list[Record]:
    """Return the records of a folder except those marked `split: "test"`.

    A file of more than `max_per_file` records gives a random sample, unless its path holds a word of `whole`.
    """
    records: list[Record] = []
    for path in data_files(folder, include=include, exclude=exclude):
        found = [record for record in read_file(path) if record.get("split") != "test"]
        is_sampled = max_per_file is not None and not _holds_any(str(path.relative_to(folder)), whole)
        if is_sampled and max_per_file is not None and len(found) > max_per_file:
            found = random.Random(f"{seed}/{path.name}").sample(found, max_per_file)
        records += found
    return records


def record_kind(record: Record) -> str:
    """Tell a record's shape by its keys; `other` for one that training has no use for."""
    keys = record.keys()
    for kind, needed in _KINDS:
        if needed <= keys:
            return kind
    if {"text", "label"} <= keys:
        return "sentiment" if record["label"] in SENTIMENT_TOKENS else "other"
    return "other"


_KINDS: tuple[tuple[str, frozenset[str]], ...] = (
    ("followup", frozenset({"passage", "reply", "standalone", "history"})),
    ("near_miss", frozenset({"nearest_answer_id", "passage", "reply"})),
    ("reply", frozenset({"question", "passage", "reply"})),
    ("other_turn", frozenset({"action", "question", "reply"})),
    ("rewrite", frozenset({"history", "question", "standalone"})),
    ("summary", frozenset({"turns", "summary"})),
    ("summary", frozenset({"dialogue", "summary"})),
    ("answer", frozenset({"company", "question", "answer"})),
    ("paraphrase", frozenset({"company", "answer_id", "text"})),
    ("dialogue", frozenset({"turns"})),
    ("grounded", frozenset({"context", "question", "answer"})),
    ("qa", frozenset({"question", "answer"})),
    ("translation", frozenset({"en", "zh"})),
    ("intent", frozenset({"text", "intent"})),
    ("document", frozenset({"title", "text"})),
)


def text_language(text: str) -> Language:
    """Tell Chinese from English by the share of Chinese characters (a tenth is enough)."""
    return "zh" if len(_CHINESE.findall(text)) * 10 > len(text) else "en"


def record_language(record: Record) -> Language:
    """Return the record's `lang`, or guess it from its text."""
    lang = record.get("lang")
    return lang if lang in ("en", "zh") else text_language(" ".join(record_texts(record))[:400])


def record_texts(record: Record) -> list[str]:
    """Return every text of a record that people would read, in order."""
    texts: list[str] = []
    for key in ("history", "turns", "dialogue"):
        texts += [turn["text"] if isinstance(turn, dict) else str(turn) for turn in record.get(key) or []]
    keys = (
        "title",
        "context",
        "passage",
        "question",
        "standalone",
        "answer",
        "reply",
        "text",
        "summary",
        "open",
        "en",
        "zh",
    )
    return texts + [str(record[key]) for key in keys if record.get(key)]


def split_by_company(
    records: Iterable[Record], *, num_held_out: int, seed: int = SPLIT_SEED
) -> tuple[list[Record], list[Record]]:
    """Split into (training, validation) so that a company is on one side only; both languages are held out.

    Records without a company are split by blocks of ten neighbouring lines of their kind (authored sentiment and
    translations have topics that run over neighbouring lines, in both languages), one block in twelve held out.
    """
    records = list(records)
    held_out = _held_out_companies(records, num_held_out, seed)
    training: list[Record] = []
    validation: list[Record] = []
    seen: dict[str, int] = defaultdict(int)
    for record in records:
        company = record.get("company")
        kind = record_kind(record)
        if company is None:
            line = int(record.get("line", seen[kind]))
            seen[kind] += 1
            is_held_out = (line // 10) % 12 == 5
        else:
            is_held_out = company in held_out
        (validation if is_held_out else training).append(record)
    return training, validation


def _held_out_companies(records: Sequence[Record], count: int, seed: int) -> set[str]:
    by_language: dict[str, set[str]] = defaultdict(set)
    for record in records:
        if "company" in record and "answer_lang" not in record:  # a question in the other language doesn't move it
            by_language[record.get("lang", "en")].add(record["company"])
    chosen: set[str] = set()
    for number, language in enumerate(sorted(by_language)):
        share = (count + number) // max(1, len(by_language))
        names = sorted(by_language[language])
        chosen |= set(random.Random(f"{seed}/{language}").sample(names, min(share, len(names))))
    return chosen


def sentences(text: str) -> list[str]:
    """Split a text into sentences, with their punctuation, in both languages."""
    return [found.strip() for found in _SENTENCE.findall(text) if found.strip()]


@dataclass(frozen=True)
class Example:
    """Token ids of one rendered record, and which of them the model must write."""

    ids: tuple[int, ...]
    is_target: tuple[bool, ...]
    kind: str
    language: Language

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class _Builder:
    """Collects tokens; `write` marks them as what the model must write."""

    format: SpecialTokenFormat
    ids: list[int] = field(default_factory=list)
    is_target: list[bool] = field(default_factory=list)

    def read(self, *ids: int) -> _Builder:
        self.ids += ids
        self.is_target += [False] * len(ids)
        return self

    def write(self, *ids: int) -> _Builder:
        self.ids += ids
        self.is_target += [True] * len(ids)
        return self

    def read_token(self, token: str) -> _Builder:
        return self.read(self.format.ids[token])

    def write_token(self, token: str) -> _Builder:
        return self.write(self.format.ids[token])

    def read_text(self, text: str) -> _Builder:
        return self.read(*self.format.encode(text))

    def write_text(self, text: str) -> _Builder:
        return self.write(*self.format.encode(text))

    def build(self, kind: str, language: Language) -> Example:
        return Example(tuple(self.ids), tuple(self.is_target), kind, language)


class Renderer:
    """Renders records in our layout. The choices (distractors, joined turns) come from `rng` alone."""

    def __init__(self, prompt_format: SpecialTokenFormat, records: Iterable[Record], *, rng: random.Random) -> None:
        """`records` are where distractor passages come from: the answers of the same company."""
        self._format = prompt_format
        self._rng = rng
        self._answers: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._answer_by_id: dict[tuple[str, str], str] = {}
        for record in records:
            if record_kind(record) == "answer":
                self._answers[record["company"], record["lang"]].append(record["answer"])
                self._answer_by_id[record["company"], record["id"]] = record["answer"]

    def _build(self) -> _Builder:
        return _Builder(self._format)

    def render(self, record: Record) -> list[Example]:
        """Return the examples of one record, none for a record of no use."""
        kind = record_kind(record)
        language = record_language(record)
        method = getattr(self, f"_render_{kind}", None)
        if method is None:
            return []
        builders: list[_Builder] = method(record)
        return [builder.build(kind, language) for builder in builders]

    def render_conversation(self, records: Sequence[Record]) -> Example:
        """Join replies of one company into one conversation; a later turn may repeat its question as standalone."""
        builder = self._build()
        for number, record in enumerate(records):
            builder.read(*self._format.turn_ids(Turn("customer", record["question"])))
            if number and self._rng.random() < 0.5:
                builder.read_token(STANDALONE).write_text(record["question"])
                self._add_passages(builder, record, first_is_written=True)
            else:
                self._add_passages(builder, record)
            builder.read_token(BOT).write_text(record["reply"]).write_token(END)
        return builder.build(record_kind(records[0]), record_language(records[0]))

    def _passages(self, record: Record) -> list[str]:
        passages = [str(record["passage"])]
        others = self._answers.get((record.get("company", ""), record.get("lang", "")), [])
        others = [other for other in others if other != passages[0]]
        if others and self._rng.random() < 0.3:
            passages.insert(self._rng.randrange(2), self._rng.choice(others))
        return passages

    def _add_passages(self, builder: _Builder, record: Record, *, first_is_written: bool = False) -> None:
        for number, passage in enumerate(self._passages(record)):
            if number == 0 and first_is_written:
                builder.write_token(KNOWLEDGE)
            else:
                builder.read_token(KNOWLEDGE)
            builder.read_text(passage)

    def _render_reply(self, record: Record) -> list[_Builder]:
        builder = self._build().read(*self._format.turn_ids(Turn("customer", record["question"])))
        self._add_passages(builder, record)
        return [builder.read_token(BOT).write_text(record["reply"]).write_token(END)]

    _render_near_miss = _render_reply

    def _render_other_turn(self, record: Record) -> list[_Builder]:
        builder = self._build().read(*self._format.turn_ids(Turn("customer", record["question"])))
        return [builder.read_token(BOT).write_text(record["reply"]).write_token(END)]

    def _read_history(self, builder: _Builder, history: Sequence[Any], *, last: int = 6) -> None:
        turns = history_turns(history)[-last:]
        for turn in turns:
            builder.read(*self._format.turn_ids(turn))

    def _render_followup(self, record: Record) -> list[_Builder]:
        builder = self._build()
        self._read_history(builder, record["history"])
        builder.read(*self._format.turn_ids(Turn("customer", record["question"])))
        builder.read_token(STANDALONE).write_text(record["standalone"])
        self._add_passages(builder, record, first_is_written=True)
        return [builder.read_token(BOT).write_text(record["reply"]).write_token(END)]

    def _render_rewrite(self, record: Record) -> list[_Builder]:
        builder = self._build()
        self._read_history(builder, record["history"])
        builder.read(*self._format.turn_ids(Turn("customer", record["question"])))
        return [builder.read_token(STANDALONE).write_text(record["standalone"]).write_token(KNOWLEDGE)]

    def _render_summary(self, record: Record) -> list[_Builder]:
        builder = self._build()
        self._read_history(builder, record.get("turns") or record["dialogue"], last=100)
        builder.read_token(SUMMARY).write_text(f"{record['summary']} {record.get('open') or ''}")
        if record.get("facts"):
            builder.write_token(FACTS).write_text("; ".join(str(fact) for fact in record["facts"]))
        return [builder.write_token(END)]

    def _render_translation(self, record: Record) -> list[_Builder]:
        builders = []
        for source, target in (("en", "zh"), ("zh", "en")):
            builder = self._build().read_token(TRANSLATE).read_text(record[source]).read_token(BOT)
            builders.append(builder.write_text(record[target]).write_token(END))
        return builders

    def _render_sentiment(self, record: Record) -> list[_Builder]:
        builder = self._build().read(*self._format.turn_ids(Turn("customer", record["text"])))
        return [builder.read_token(SENTIMENT).write_token(SENTIMENT_TOKENS[record["label"]]).write_token(END)]

    def _render_paraphrase(self, record: Record) -> list[_Builder]:
        """A question put in other words, answered by the approved text word for word: teaches copying."""
        answer = self._answer_by_id.get((record["company"], record["answer_id"]))
        if answer is None or "answer_lang" in record:
            return []
        builder = self._build().read(*self._format.turn_ids(Turn("customer", record["text"])))
        self._add_passages(builder, {**record, "passage": answer})
        reply = _best_sentence(record["text"], answer) if self._rng.random() < 0.6 else answer
        return [builder.read_token(BOT).write_text(reply).write_token(END)]

    def _render_grounded(self, record: Record) -> list[_Builder]:
        builder = self._build()
        self._read_history(builder, record.get("history") or [], last=2)
        builder.read(*self._format.turn_ids(Turn("customer", record["question"], passages=(record["context"],))))
        return [builder.read_token(BOT).write_text(record["answer"]).write_token(END)]

    def _render_qa(self, record: Record) -> list[_Builder]:
        builder = self._build().read(*self._format.turn_ids(Turn("customer", record["question"])))
        return [builder.read_token(BOT).write_text(record["answer"]).write_token(END)]

    def _render_dialogue(self, record: Record) -> list[_Builder]:
        builder = self._build()
        for turn in history_turns(record["turns"]):
            if turn.role == "customer":
                builder.read(*self._format.turn_ids(turn))
            else:
                builder.read_token(BOT).write_text(turn.text).write_token(END)
        return [builder]

    def _render_document(self, record: Record) -> list[_Builder]:
        return [self._build().write_text(record["text"]).write_token(END_OF_TEXT)]

    def copy_examples(self, text: str, *, max_characters: int = 420) -> list[Example]:
        """Make copying exercises of a prose text: a few words of a sentence ask for it; the reply is the sentence."""
        examples = []
        for passage in _windows(sentences(text), max_characters):
            chosen = self._rng.choice(passage)
            question = _some_words(chosen, self._rng)
            joiner = "" if text_language(chosen) == "zh" else " "
            builder = self._build().read(
                *self._format.turn_ids(Turn("customer", question, passages=(joiner.join(passage),)))
            )
            builder.read_token(BOT).write_text(chosen).write_token(END)
            examples.append(builder.build("copy", text_language(text)))
        return examples


def history_turns(history: Sequence[Any]) -> list[Turn]:
    """Read turns given as objects, or as bare texts that alternate and end with the bot's."""
    turns: list[Turn] = []
    for number, turn in enumerate(history):
        if isinstance(turn, Mapping):
            role = _ROLES.get(str(turn["role"]), "customer")
            turns.append(Turn("bot" if role == "agent" else role, str(turn["text"])))
        else:
            turns.append(Turn("bot" if (len(history) - number) % 2 else "customer", str(turn)))
    return turns


def text_units(text: str) -> list[str]:
    """Return what to compare texts by: lower-case words and numbers, and single Chinese characters."""
    return _UNIT.findall(text.lower())


def _best_sentence(question: str, answer: str) -> str:
    wanted = set(text_units(question))
    parts = sentences(answer)
    return max(parts, key=lambda part: len(wanted & set(text_units(part)))) if parts else answer


def _some_words(sentence: str, rng: random.Random) -> str:
    """Pick a run of words of a sentence (characters in Chinese), about a third of it."""
    words = list(sentence) if text_language(sentence) == "zh" else sentence.split()
    length = max(1, len(words) // 3)
    start = rng.randrange(max(1, len(words) - length + 1))
    return ("" if text_language(sentence) == "zh" else " ").join(words[start : start + length])


def _windows(parts: Sequence[str], max_characters: int) -> Iterator[list[str]]:
    window: list[str] = []
    for part in parts:
        limit = max_characters // 3 if text_language(part) == "zh" else max_characters
        if window and sum(map(len, window)) + len(part) > limit:
            if len(window) > 1:
                yield window
            window = []
        if 8 < len(part) < limit:
            window.append(part)
    if len(window) > 1:
        yield window


@dataclass(frozen=True)
class Rows:
    """Packed training rows: `ids` (num_rows, length) and `labels` (num_rows, length), where `labels[r, t]` is the
    token that follows `ids[r, t]`, or -100 where nothing is to be learned."""

    ids: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def batch(self, step: int, batch_rows: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the rows of a step; a pure function of the step, so a resumed run sees what it would have seen."""
        chosen = [(step * batch_rows + offset) % len(self) for offset in range(batch_rows)]
        return self.ids[chosen], self.labels[chosen]


def pack_stream(examples: Iterable[Example], *, length: int, end_of_text_id: int, max_tokens: int) -> Rows:
    """Cut the examples, one after the other, into full rows; every token is to be learned (pre-training)."""
    stream: list[int] = []
    for example in examples:
        stream += [end_of_text_id, *example.ids]
        if len(stream) > max_tokens:
            break
    if len(stream) < 2:
        raise DatasetError("the data holds no text to train on")
    length = min(length, len(stream) - 1)  # little data makes one short row
    num_rows = (len(stream) - 1) // length
    flat = np.array(stream[: num_rows * length + 1], dtype=np.int64)
    return Rows(flat[:-1].reshape(num_rows, length), flat[1:].reshape(num_rows, length))


def pack_examples(examples: Iterable[Example], *, length: int, pad_id: int, prefix_ids: tuple[int, ...] = ()) -> Rows:
    """Lay whole examples side by side into rows, first fit among the open rows; only targets are to be learned.

    An example longer than a row loses its beginning: what it must write stands at its end.
    """
    rows: list[tuple[list[int], list[int]]] = []
    open_rows: list[tuple[list[int], list[int]]] = []
    for example in examples:
        ids = [*prefix_ids, *example.ids]
        targets = [False] * len(prefix_ids) + list(example.is_target)
        labels = [token if is_target else IGNORED for token, is_target in zip(ids[1:], targets[1:], strict=True)] + [
            IGNORED
        ]
        ids, labels = ids[-length:], labels[-length:]
        row = next((row for row in open_rows if len(row[0]) + len(ids) <= length), None)
        if row is None:
            row = ([], [])
            open_rows.append(row)
            if len(open_rows) > 16:
                rows.append(open_rows.pop(0))
        row[0].extend(ids)
        row[1].extend(labels)
    rows += open_rows
    if not rows:
        raise DatasetError("no example to train on")
    all_ids = np.full((len(rows), length), pad_id, dtype=np.int64)
    all_labels = np.full((len(rows), length), IGNORED, dtype=np.int64)
    for number, (ids, labels) in enumerate(rows):
        all_ids[number, : len(ids)] = ids
        all_labels[number, : len(labels)] = labels
    return Rows(all_ids, all_labels)


def mix_examples(
    pools: Mapping[str, Sequence[Example]], weights: Mapping[str, float], *, rng: random.Random
) -> Iterator[Example]:
    """Yield examples for ever, so that each pool gives its weight's share of the tokens; a used-up pool starts again.

    The next example comes from the pool that is furthest behind its share.
    """
    names = [name for name in weights if pools.get(name) and weights[name] > 0]
    if not names:
        raise DatasetError("the data has no example of any kind that is asked for")
    orders: dict[str, list[int]] = {name: [] for name in names}
    given = dict.fromkeys(names, 0.0)
    while True:
        name = min(names, key=lambda candidate: given[candidate] / weights[candidate])
        if not orders[name]:
            orders[name] = rng.sample(range(len(pools[name])), len(pools[name]))
        example = pools[name][orders[name].pop()]
        given[name] += len(example)
        yield example
