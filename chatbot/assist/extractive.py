"""A summary made of the conversation's own clauses: nothing in it can be invented. Works on plain values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from chatbot.assist.key_points import SHARE, Clause, Turn, key_clauses
from chatbot.assist.languages import guess_language

_MAX_CHARS = 240
_SENTENCE_END = re.compile(r"[.!?。！？…]$")
_COMMAS = ",;，；"
_LABELS = {
    "en": {"customer": "Customer: ", "bot": "Bot: ", "agent": "Agent: "},
    "zh": {"customer": "客户：", "bot": "机器人：", "agent": "客服："},
}


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
    summary = Summary(text=summary_text(turns_of(said)))
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


def turns_of(said: Sequence[Said]) -> list[Turn]:
    """What was said by whom in its order, the bot's replies after what they answer."""
    return [turn for one in said for turn in ((one.author, one.text), ("bot", one.reply_text)) if turn[1]]


def summary_text(turns: Sequence[Turn], *, share: float = SHARE) -> str:
    """The clauses that tell most, a line for each change of speaker, in the conversation's words and language."""
    labels = _LABELS[guess_language(" ".join(text for _, text in turns)) or "en"]
    by_author = groupby(key_clauses(turns, share=share), key=lambda clause: turns[clause.turn][0])
    return "\n".join(labels[author] + _joined(list(clauses)) for author, clauses in by_author)


def _joined(clauses: Sequence[Clause]) -> str:
    """One line; "…" stands where words of a sentence are left out."""
    line = ""
    for before, clause in zip([None, *clauses], clauses, strict=False):
        if before is not None:
            line = line + " " * _gap_chars(before, clause) if _follows(before, clause) else _with_gap(line, clause.text)
        line += " ".join(clause.text.split())
    return line.rstrip(_COMMAS) + " …" if line.endswith(tuple(_COMMAS)) else line


def _with_gap(line: str, following: str) -> str:
    if not _SENTENCE_END.search(line) or following[0].islower():
        return line.rstrip(_COMMAS) + " … "
    return line if line[-1] in "。！？…" else line + " "


def _follows(before: Clause, clause: Clause) -> bool:
    return before.turn == clause.turn and _gap_chars(before, clause) <= 1


def _gap_chars(before: Clause, clause: Clause) -> int:
    return clause.start - before.start - len(before.text)


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
