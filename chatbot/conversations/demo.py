"""The demo company's past conversations, read from `demo/conversations.jsonl`, so that desk and charts aren't empty.

One conversation a line: `language`, `started_days_ago` (relative to the moment of adding), `needs_human`, and `turns`
with `role` and `text`; a customer's with `sentiment` and `sentiment_probability`, a bot's with `action`, `sources`
(answer ids) and `confidence`, an agent's with `agent_name`. Knows neither the answers nor how moods are made: the
caller gives both.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone

from chatbot.conversations.models import Conversation, Customer, Message, Reply

_FILE = Path(__file__).with_name("demo") / "conversations.jsonl"
_MODEL_VERSION = "demo"
_SECONDS_BEFORE = {"customer": (20, 70), "bot": (2, 4), "agent": (30, 90)}  # a turn of this role comes after so long


class MoodLike(Protocol):
    @property
    def label(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def trend(self) -> float: ...


MoodOf = Callable[[Sequence[tuple[str, float]]], MoodLike]


@transaction.atomic
def add_demo_conversations(
    *, sources: Mapping[str, Mapping[str, Any]], mood_of: MoodOf, now: datetime | None = None
) -> int:
    """Adds every conversation of the file, marked as demo; returns their number, 0 when there are demo ones already.

    `sources`: for each answer's id its `id`, `question` and `text`; an id that isn't there is left out of the replies.
    """
    if Conversation.objects.filter(is_demo=True).exists():
        return 0
    lines = _FILE.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        _add(json.loads(line), random.Random(number), sources, mood_of, now or timezone.now())
    return len(lines)


def _add(
    record: dict[str, Any],
    chance: random.Random,
    sources: Mapping[str, Mapping[str, Any]],
    mood_of: MoodOf,
    now: datetime,
) -> None:
    turns = record["turns"]
    times = _times(turns, now - timedelta(days=record["started_days_ago"]), chance)
    times = [time - max(timedelta(0), times[-1] - now) for time in times]  # a long one that began a moment ago
    conversation = _add_conversation(record, times, mood_of)
    messages = Message.objects.bulk_create(
        _message(conversation, seq, turn, time)
        for seq, (turn, time) in enumerate(zip(turns, times, strict=True), start=1)
    )
    Reply.objects.bulk_create(
        _reply(question, answer, turn, sources)
        for question, answer, turn in zip(messages, messages[1:], turns[1:], strict=False)
        if turn["role"] == "bot" and question.author == Message.Author.CUSTOMER
    )


def _times(turns: Sequence[Mapping[str, Any]], start: datetime, chance: random.Random) -> list[datetime]:
    times = [start]
    for turn in turns[1:]:
        times.append(times[-1] + timedelta(seconds=chance.uniform(*_SECONDS_BEFORE[turn["role"]])))
    return times


def _add_conversation(record: Mapping[str, Any], times: Sequence[datetime], mood_of: MoodOf) -> Conversation:
    scored = [(turn["sentiment"], turn["sentiment_probability"]) for turn in record["turns"] if "sentiment" in turn]
    mood = mood_of(scored)
    conversation = Conversation.objects.create(
        customer=Customer.objects.create(),
        language=record["language"],
        last_message_at=times[-1],
        last_seq=len(times),
        last_author=record["turns"][-1]["role"],
        last_text=record["turns"][-1]["text"][:200],
        last_action=next((turn["action"] for turn in reversed(record["turns"]) if turn["role"] == "bot"), ""),
        waiting_since=times[-1] if record["needs_human"] else None,
        needs_human=record["needs_human"],
        mood=mood.label,
        mood_score=mood.score,
        mood_trend=mood.trend,
        is_demo=True,
    )
    Conversation.objects.filter(pk=conversation.pk).update(created_at=times[0])  # auto_now_add took the present
    Customer.objects.filter(pk=conversation.customer_id).update(created_at=times[0])
    return conversation


def _message(conversation: Conversation, seq: int, turn: Mapping[str, Any], time: datetime) -> Message:
    return Message(
        conversation=conversation,
        seq=seq,
        author=turn["role"],
        text=turn["text"],
        agent_name=turn.get("agent_name", ""),
        created_at=time,
        sentiment=turn.get("sentiment", ""),
        sentiment_probability=turn.get("sentiment_probability"),
    )


def _reply(
    question: Message, answer: Message, turn: Mapping[str, Any], sources: Mapping[str, Mapping[str, Any]]
) -> Reply:
    return Reply(
        customer_message=question,
        message=answer,
        conversation=question.conversation,
        status=Reply.Status.DONE,
        queued_at=question.created_at,
        started_at=question.created_at,
        finished_at=answer.created_at,
        action=turn["action"],
        sources=[{**sources[id], "score": turn["confidence"]} for id in turn["sources"] if id in sources],
        standalone_question=question.text,
        confidence=turn["confidence"],
        model_version=_MODEL_VERSION,
        origin="approved text" if turn["sources"] else "fixed",
    )
