"""The invented companies of a folder: their answers, and the questions that customers ask of each. Knows no vectors."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chatbot.knowledge.entries import split_sentences
from chatbot.training.datasets import DatasetError, Record, history_turns, read_file

# Written for Kefu and checked in, so that everything which decides can be trained again.
TEXTS = Path(__file__).with_name("texts")
_SPLIT_SEED = 0  # not a run's seed: what is trained in several runs must leave out the same companies
RANKER_SHARE = 0.2  # of the companies: the ranker learns from them how far to trust an encoder and a reader new to them


@dataclass
class CompanyTexts:
    """`owners` and `wanted` number the company's entries; an alternative is a question that needs no history."""

    name: str
    entry_ids: list[str] = field(default_factory=list)
    passages: list[str] = field(default_factory=list)
    owners: list[int] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    may_be_alternative: list[bool] = field(default_factory=list)


def read_kind(folder: Path, name: str) -> Iterator[Record]:
    """The records of every file of that name below the folder. Raises DatasetError where there is none."""
    paths = sorted(folder.rglob(f"{name}.jsonl.xz"))
    if not paths:
        raise DatasetError(f"{folder} holds no {name}.jsonl.xz.")
    for path in paths:
        yield from read_file(path)


def load_company_texts(folder: Path) -> list[CompanyTexts]:
    """From `answers`, `paraphrases`, `replies` and `followups`, by name of the company."""
    companies: dict[str, CompanyTexts] = {}
    for record in read_kind(folder, "answers"):
        company = companies.setdefault(record["company"], CompanyTexts(record["company"]))
        passages = dict.fromkeys([record["question"], record["answer"], *split_sentences(record["answer"])])
        company.passages += passages
        company.owners += [len(company.entry_ids)] * len(passages)
        company.entry_ids.append(record["id"])
    for name in ("paraphrases", "replies", "followups"):
        for record in read_kind(folder, name):
            company = companies[known_company(record["company"], companies, folder)]
            texts = _queries_of(record)
            company.queries += texts
            company.wanted += [company.entry_ids.index(record["answer_id"])] * len(texts)
            company.may_be_alternative += [name != "followups"] * len(texts)
    return [companies[name] for name in sorted(companies)]


def known_company(name: str, companies: Collection[str], folder: Path) -> str:
    """The name. Raises DatasetError where the folder has no answers of that company."""
    if name not in companies:
        raise DatasetError(f"{folder} asks {name}, which has no answers there.")
    return name


def _queries_of(record: Record) -> list[str]:
    if "text" in record:
        return [record["text"]]
    if "history" not in record:
        return [record["question"]]
    asked = [turn.text for turn in history_turns(record["history"]) if turn.role == "customer"]
    return [" ".join([*asked, record["question"]]), record["standalone"]]


def split_for_ranker(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The companies that encoder, reader and the trial of the intents learn from, and those that the ranker does.

    Raises DatasetError where there are too few.
    """
    shuffled = random.Random(_SPLIT_SEED).sample(sorted(names), len(names))
    count = round(RANKER_SHARE * len(shuffled))
    if count < 2:
        raise DatasetError("the ranker learns from a fifth of the companies, two at least: add some (8 are enough).")
    return shuffled[count:], shuffled[:count]
