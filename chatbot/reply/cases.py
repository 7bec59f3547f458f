"""Runs the real pipeline over labelled cases with a throw-away knowledge base. Touches no database."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings

from chatbot.knowledge.index import KnowledgeIndex
from chatbot.knowledge.services import entries_of_file
from chatbot.language_model.backends import TextGenerator
from chatbot.language_model.prompt_format import Turn
from chatbot.reply.pipeline import answer_turn

Case = dict[str, Any]
ReplyLine = dict[str, Any]


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def index_of_file(path: Path) -> KnowledgeIndex:
    """Raises AnswersFileError."""
    return KnowledgeIndex(entries_of_file(path.read_bytes().decode("utf-8-sig")))


def answer_cases(
    cases: Sequence[Case], knowledge: KnowledgeIndex, generator: TextGenerator | None
) -> Iterator[ReplyLine]:
    """One line per case, in the format of the design document."""
    for case in cases:
        turns = [Turn(turn["role"], turn["text"]) for turn in case["history"]]
        yield answer_case(case["id"], [*turns, Turn("customer", case["question"])], knowledge, generator)


def answer_case(
    case_id: str, turns: Sequence[Turn], knowledge: KnowledgeIndex, generator: TextGenerator | None
) -> ReplyLine:
    start = time.perf_counter()
    shown: list[float] = []
    reply = answer_turn(
        turns=turns,
        knowledge=knowledge,
        generator=generator,
        on_text=lambda _: shown.append(time.perf_counter()),
        is_phrased=settings.PHRASES_ANSWERS,
    )
    return {
        "id": case_id,
        "action": reply.action,
        "text": reply.text,
        "sources": [source["id"] for source in reply.sources],
        "options": [option["id"] for option in reply.options],
        "found": [{"id": entry["id"], "score": entry["score"]} for entry in reply.decision.get("entries", ())],
        "standalone_question": reply.standalone_question,
        "confidence": reply.confidence,
        "latency_ms": round((time.perf_counter() - start) * 1000, 1),
        "first_text_ms": round((shown[0] - start) * 1000, 1) if shown else None,
        "origin": reply.origin,
        "degraded": reply.degraded,
        "timings_ms": reply.timings_ms,
    }
