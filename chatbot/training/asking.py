"""Asks invented companies what customers ask: for the reader to learn from, and for the ranker. Run by
`manage.py train_decision`.

Each company becomes a knowledge base, with some customers' phrasings as alternatives; its other questions are asked of
it. "None of them" is learned from near misses, from questions whose own entry was taken out, and from what customers
ask other companies.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from chatbot.encoder.encoder import Encoder
from chatbot.encoder.reader import Reader
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.index import KnowledgeIndex
from chatbot.language_model.prompt_format import Turn
from chatbot.reply.questions import with_context
from chatbot.training.companies import known_company, read_kind
from chatbot.training.datasets import Record, history_turns
from chatbot.training.reader_layers import Reading

MAX_ALTERNATIVES = 3
LEFT_OUT_SHARE = 0.1
SMALL_BASE_SHARE = 0.15  # of the questions are also put to a base of a few entries
STRANGERS_PER_COMPANY = 32  # half of them put to a base of a few entries
PARAPHRASES_READ = 0.6
ASKED_SHARE = 0.65  # reading takes long, and the ranker is small


@dataclass(frozen=True)
class Asked:
    """A question put to a company's index; `wanted` are the compared entries that answer, empty for none."""

    entries: Tensor  # (compared, features)
    query: Tensor  # (features,)
    wanted: tuple[int, ...]
    kind: str


@dataclass(frozen=True)
class _Question:
    queries: list[str]
    language: str
    answer_ids: tuple[str, ...]
    kind: str


@dataclass(frozen=True)
class _Posed:
    """A question and the knowledge base that it is put to."""

    index: KnowledgeIndex
    question: _Question
    kind: str
    is_whole: bool = True  # not just a few of the company's entries


@dataclass
class _Company:
    name: str
    language: str
    answers: list[Record] = field(default_factory=list)
    paraphrases: list[Record] = field(default_factory=list)
    questions: list[_Question] = field(default_factory=list)


def read_companies(folder: Path, names: Sequence[str], encoder: Encoder, *, seed: int) -> list[Reading]:
    """Questions put to whole knowledge bases of these companies; of paraphrases, which are many and alike, some."""
    draw = random.Random(seed)
    readings = []
    for one in (posed for own in _pose_all(folder, names, encoder, seed=seed).values() for posed in own):
        if one.is_whole and (one.kind != "paraphrases" or draw.random() < PARAPHRASES_READ):
            found = one.index.nearest(one.question.queries, one.question.language)
            wanted = tuple(n for n, entry in enumerate(found) if entry.id in one.question.answer_ids)
            texts = tuple((entry.question, entry.answer) for entry in found)
            readings.append(Reading(tuple(one.question.queries), texts, wanted))
    return readings


def ask_companies(
    folder: Path,
    names: Sequence[str],
    encoder: Encoder,
    reader: Reader,
    *,
    seed: int,
    on_company: Callable[[str], None] = lambda _: None,
) -> dict[str, list[Asked]]:
    """What the index measures for questions to these companies, which encoder and reader must not know."""
    asked, draw = {}, random.Random(seed)
    for name, posed in _pose_all(folder, names, encoder, seed=seed).items():
        asked[name] = [_measure(one, reader) for one in posed if draw.random() < ASKED_SHARE]
        on_company(name)
    return asked


def _pose_all(folder: Path, names: Sequence[str], encoder: Encoder, *, seed: int) -> dict[str, list[_Posed]]:
    """Questions of all kinds to each of these companies; what another of them is asked is a stranger's question."""
    companies = _load_companies(folder)
    posed = {}
    for name in names:
        strangers = [one for other in names if other != name for one in companies[other].questions]
        posed[name] = _pose(companies[name], strangers, encoder, random.Random(f"{seed}/{name}"))
    return posed


def _load_companies(folder: Path) -> dict[str, _Company]:
    companies: dict[str, _Company] = {}
    for record in read_kind(folder, "answers"):
        company = companies.setdefault(record["company"], _Company(record["company"], record["lang"]))
        company.answers.append(record)
    for record in read_kind(folder, "paraphrases"):
        companies[known_company(record["company"], companies, folder)].paraphrases.append(record)
    for name, question in _questions(folder, ("replies", "followups", "near_misses", "several", "offers")):
        companies[known_company(name, companies, folder)].questions.append(question)
    for company in companies.values():
        for answer in company.answers:
            company.questions.append(_Question([_asked_in_a_chat(answer)], company.language, (answer["id"],), "plain"))
    return companies


def _questions(folder: Path, kinds: Sequence[str]) -> Iterator[tuple[str, _Question]]:
    """With the company that each is asked of."""
    for kind in kinds:
        for record in read_kind(folder, kind):
            ids = tuple(record.get("answer_ids") or ([record["answer_id"]] if "answer_id" in record else []))
            turns = [*history_turns(record.get("history") or []), Turn("customer", record["question"])]
            queries = [record["question"], *with_context(turns)]
            yield record["company"], _Question(queries, record["lang"], ids, kind)
            if "standalone" in record:  # what is asked in the entry's own words must be answered, too
                yield record["company"], _Question([record["standalone"]], record["lang"], ids, "plain")


def _as_asked(paraphrase: Record) -> _Question:
    return _Question([paraphrase["text"]], paraphrase["lang"], (paraphrase["answer_id"],), "paraphrases")


def _asked_in_a_chat(answer: Record) -> str:
    """An entry's question as somebody types it."""
    question = str(answer["question"]).rstrip("?？。.").lower()
    return f"你好，{question}" if answer["lang"] == "zh" else f"hi, {question}"


def _pose(company: _Company, strangers: Sequence[_Question], encoder: Encoder, draw: random.Random) -> list[_Posed]:
    """To the whole base, some to a part of it or with their own entry taken out; and other companies' questions."""
    index, left = _index_of(company, encoder, draw)
    posed = []
    for question in [*map(_as_asked, left), *company.questions]:
        posed.append(_Posed(index, question, question.kind))
        if question.answer_ids and draw.random() < LEFT_OUT_SHARE:
            posed.append(_Posed(_without(index, question.answer_ids), replace(question, answer_ids=()), "left_out"))
        if draw.random() < SMALL_BASE_SHARE:
            few = _with_few(index, question.answer_ids, draw)
            posed.append(_Posed(few, question, question.kind, is_whole=False))
    for number, question in enumerate(draw.sample(strangers, min(len(strangers), STRANGERS_PER_COMPANY))):
        is_whole = number % 2 == 1
        base = index if is_whole else _with_few(index, (), draw)
        posed.append(_Posed(base, replace(question, answer_ids=()), "strangers", is_whole))
    return posed


def _without(index: KnowledgeIndex, answer_ids: Sequence[str]) -> KnowledgeIndex:
    return _part_of(index, [entry for entry in index.entries if entry.id not in answer_ids])


def _with_few(index: KnowledgeIndex, answer_ids: Sequence[str], draw: random.Random) -> KnowledgeIndex:
    others = [entry for entry in index.entries if entry.id not in answer_ids]
    kept = draw.sample(others, min(len(others), draw.randrange(1, 8)))
    return _part_of(index, [entry for entry in index.entries if entry.id in answer_ids or entry in kept])


def _part_of(index: KnowledgeIndex, entries: Sequence[Entry]) -> KnowledgeIndex:
    return KnowledgeIndex(entries, encoder=index.encoder, vectors=index.vectors)


def _index_of(company: _Company, encoder: Encoder, draw: random.Random) -> tuple[KnowledgeIndex, list[Record]]:
    """The company's knowledge base, and the phrasings that it doesn't hold as alternatives."""
    phrasings: dict[str, list[Record]] = defaultdict(list)
    left: list[Record] = []
    num_alternatives = draw.randrange(MAX_ALTERNATIVES + 1)  # companies differ in how much they write down
    for record in draw.sample(company.paraphrases, len(company.paraphrases)):
        own = phrasings[record["answer_id"]]
        is_alternative = len(own) < num_alternatives and record["lang"] == company.language
        (own if is_alternative else left).append(record)
    entries = [
        Entry(
            id=record["id"],
            language=company.language,
            question=record["question"],
            answer=record["answer"],
            alternatives=tuple(phrasing["text"] for phrasing in phrasings[record["id"]]),
        )
        for record in company.answers
    ]
    return KnowledgeIndex(entries, encoder=encoder), left


def _measure(posed: _Posed, reader: Reader) -> Asked:
    question = posed.question
    features = posed.index.features(question.queries, question.language, reader=reader)
    ids = [posed.index.entries[number].id for number in features.numbers]
    wanted = tuple(place for place, id in enumerate(ids) if id in question.answer_ids)
    return Asked(torch.from_numpy(features.entries), torch.from_numpy(features.query), wanted, posed.kind)
