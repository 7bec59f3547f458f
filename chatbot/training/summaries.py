"""Measures the summaries that are made without a bigger model, and fits the weights of their words.

A record holds `turns` (role, text), its language (`language` or `lang`) and what a summary must keep (`key_facts`:
lists of spellings, or `facts`: one spelling each); for fitting also a reference `summary`.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np

from chatbot.assist.extractive import summary_text
from chatbot.assist.key_points import SHARE, WEIGHTS, Turn, clauses_of, key_clauses, words_of
from chatbot.assist.locks import invented
from chatbot.reply.scoring import occurs

Record = dict[str, Any]
_RUN = re.compile(r"[\u4e00-\u9fff]+|[^\W\u4e00-\u9fff]+")
_RIDGE = 5.0


def measure_summaries(records: Iterable[Record], *, share: float = SHARE) -> dict[str, dict[str, float]]:
    """By language and in all: the share of key facts `kept`, the `length` beside the conversation's (characters,
    without the speakers' labels), and how many numbers, links, addresses and words are `invented`.
    """
    sums: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        found = _measure(record, share)
        for group in (str(record.get("language") or record.get("lang")), "all"):
            sums[group].update(found)
    return {
        group: {
            "n": total["n"],
            "facts": total["facts"],
            "kept": total["kept"] / max(1, total["facts"]),
            "length": total["chars"] / max(1, total["of_chars"]),
            "invented": total["invented"],
        }
        for group, total in sorted(sums.items())
    }


def _measure(record: Record, share: float) -> Counter[str]:
    turns, facts = _turns(record), _facts(record)
    said, text = "\n".join(text for _, text in turns), summary_text(turns, share=share)
    unlabelled = re.sub(r"(?m)^\w+(?:: |：)", "", text)
    return Counter(
        n=1,
        facts=len(facts),
        kept=sum(any(occurs(spelling, text) for spelling in spellings) for spellings in facts),
        chars=sum(len(clause.text) for clause in key_clauses(turns, share=share)),
        of_chars=sum(len(text) for _, text in turns),
        invented=len(invented(said, text)) + sum(run not in said for run in _RUN.findall(unlabelled)),
    )


def fit_weights(records: Iterable[Record]) -> dict[str, float]:
    """A word's chance of standing in the reference summary plus that of being in a key fact: a sum over its signs."""
    rows: list[list[float]] = []
    targets: list[float] = []
    for record in records:
        wanted = words_of(record["summary"])
        facts = {word for spellings in _facts(record) for spelling in spellings for word in words_of(spelling)}
        for clause in clauses_of(_turns(record)):
            for word, signs in clause.signs.items():
                rows.append([float(sign in signs) for sign in WEIGHTS])
                targets.append(float(word in wanted) + float(word in facts))
    inputs = np.array(rows)  # (words, signs)
    normal = inputs.T @ inputs + _RIDGE * np.eye(len(WEIGHTS))
    fitted = np.linalg.solve(normal, inputs.T @ np.array(targets))
    return {sign: round(float(weight), 2) for sign, weight in zip(WEIGHTS, fitted, strict=True)}


def _turns(record: Record) -> list[Turn]:
    return [(turn["role"], turn["text"]) for turn in record["turns"]]


def _facts(record: Record) -> list[list[str]]:
    facts: list[list[str]] = record["key_facts"] if "key_facts" in record else [[fact] for fact in record["facts"]]
    return facts
