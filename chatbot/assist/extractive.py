"""A summary made of the conversation's own sentences: nothing in it can be invented. Works on plain values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from chatbot.memory.facts import find_facts

MAX_SENTENCES = 8
_MAX_CHARS = 240
_SENTENCE = re.compile(r"[^。！？!?.\n]+(?:[.!?](?!\s|$)[^。！？!?.\n]*)*[。！？!?.]*")
_DIGIT = re.compile(r"\d")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One message. For a customer's: what the bot made of it. `action` "" means that the bot didn't answer it."""

    seq: int
    author: str
    text: str
    action: str = ""
    standalone: str = ""
    reply_seq: int = 0
    reply_text: str = ""
    question: str = ""
    answer_id: str = ""
    is_cancelled: bool = False


@dataclass(kw_only=True)
class Summary:
    text: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    open_points: list[dict[str, Any]] = field(default_factory=list)


_OPEN = {"decline": "declined", "handoff": "handed_off", "clarify": "unclear"}


def summarise(said: Sequence[Said]) -> Summary:
    """What was asked, answered and is open; empty for nothing said."""
    summary = Summary(text="\n".join(key_sentences(said)))
    waiting: list[Said] = []
    for one in said:
        if one.author == "customer" and one.action != "smalltalk":
            summary.asked.append({"seq": one.seq, "text": _short(one.standalone or one.text)})
            if one.action == "answer":
                summary.answered.append(_answer_of(one))
                waiting = [earlier for earlier in waiting if earlier.action != "clarify"]
            else:
                waiting.append(one)
        elif one.author == "agent":
            summary.answered.append(_agents_answer(one, waiting))
            waiting = []
    summary.open_points = [
        {"seq": one.seq, "text": _short(one.standalone or one.text), "reason": _reason(one)} for one in waiting
    ]
    return summary


def key_sentences(said: Sequence[Said]) -> list[str]:
    """The sentences that an agent needs most, in their order: what it began with, what holds facts, how it ended."""
    scored: list[tuple[float, int, str]] = []
    people = [one for one in said if one.author in ("customer", "agent")]
    for number, one in enumerate(people):
        for match in _SENTENCE.finditer(one.text):
            sentence = _short(match.group().strip())
            if len(sentence) > 3:
                scored.append((_weight(sentence, one, number, len(people)), len(scored), sentence))
    best = sorted(scored, key=lambda item: (-item[0], item[1]))[:MAX_SENTENCES]
    return list(dict.fromkeys(sentence for _, _, sentence in sorted(best, key=lambda item: item[1])))


def _weight(sentence: str, one: Said, number: int, num_messages: int) -> float:
    facts = len(find_facts(sentence))
    weight = 2.0 * min(facts, 3) + min(2, len(_DIGIT.findall(sentence))) + (1.0 if one.author == "customer" else 0.5)
    if number == 0:
        weight += 3.0
    if number >= num_messages - 2:
        weight += 1.0
    return weight + min(len(sentence), 80) / 80


def _answer_of(one: Said) -> dict[str, Any]:
    return {
        "seq": one.reply_seq,
        "text": _short(one.reply_text),
        "by": "bot",
        "asked_seq": one.seq,
        "question": one.question,
        "answer_id": one.answer_id,
    }


def _agents_answer(one: Said, waiting: Sequence[Said]) -> dict[str, Any]:
    asked_seq = waiting[-1].seq if waiting else None
    return {
        "seq": one.seq,
        "text": _short(one.text),
        "by": "agent",
        "asked_seq": asked_seq,
        "question": "",
        "answer_id": "",
    }


def _reason(one: Said) -> str:
    return "stopped" if one.is_cancelled else _OPEN.get(one.action, "unanswered")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _MAX_CHARS else text[: _MAX_CHARS - 1].rstrip() + "…"
