"""How long the insight page takes with a million messages on SQLite: from the roll-up, and counted from the rows.

Run: `python -m tests.bench.bench_insight [NUM_MESSAGES] [NUM_DAYS]`. Fills a database of its own by bulk SQL (a fixed
seed), so the page, the queries and the beat task are the real ones. `KEFU_HOME=... python -m tests.bench.bench_insight
N DAYS --keep` fills that home's database instead, for a look at the pages.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

_CHUNK = 20_000
_HOURS = [1, 1, 1, 1, 1, 2, 3, 6, 10, 14, 16, 15, 12, 13, 16, 17, 15, 12, 10, 9, 8, 6, 4, 2]
_WEEKDAYS = [1.0, 0.98, 0.95, 0.93, 0.9, 0.55, 0.5]
_ACTIONS = ["answer"] * 74 + ["clarify"] * 8 + ["decline"] * 9 + ["handoff"] * 5 + ["smalltalk"] * 4
_QUESTIONS = [
    "Do you ship to Mars?", "can I pay with shells", "Is the owner married?", "你们招人吗", "发票可以开两张吗",
    "Do you repair cups?", "Where do you live?", "How heavy is the kettle?", "能不能用积分换邮费", "Can I rent a teapot?",  # noqa: E501
]  # fmt: skip


def fill(num_messages: int, num_days: int, *, seed: int = 7) -> None:
    """Conversations of 2 to 14 messages, busy by day and weekday as shops are, until there are about so many."""
    from chatbot.knowledge.models import Answer

    chance = random.Random(seed)
    answers = [(pk, text) for pk, text in Answer.objects.values_list("pk", "answer")]
    made: dict[str, list[tuple[Any, ...]]] = {"customer": [], "conversation": [], "message": [], "reply": []}
    num, next_id = 0, [1]
    now = datetime.now(UTC)
    for start in _starts(chance, num_days, now):
        num += _add_conversation(chance, start, now, answers, made, next_id)
        if len(made["message"]) >= _CHUNK:
            _insert(made)
        if num >= num_messages:
            break
    _insert(made)


def _starts(chance: random.Random, num_days: int, now: datetime) -> Iterator[datetime]:
    while True:
        ago = int(chance.random() * num_days)
        day = (now - timedelta(days=ago)).replace(minute=0, second=0, microsecond=0)
        if chance.random() > _WEEKDAYS[day.weekday()]:
            continue
        hour = chance.choices(range(24), _HOURS)[0]
        start = day.replace(hour=hour) + timedelta(seconds=chance.random() * 3600)
        if start < now:
            yield start


def _add_conversation(
    chance: random.Random,
    start: datetime,
    now: datetime,
    answers: list[tuple[str, str]],
    made: dict[str, list[tuple[Any, ...]]],
    next_id: list[int],
) -> int:
    customer, conversation = uuid.UUID(int=chance.getrandbits(128)), uuid.UUID(int=chance.getrandbits(128))
    language = "zh" if chance.random() < 0.35 else "en"
    mine = [answer for answer in answers if answer[0].endswith(language)] or answers
    version = "kefu-27m-v2" if (now - start).days < 12 or chance.random() < 0.1 else "kefu-27m-v1"
    at, seq, gloom = start, 0, 0.16
    rows, replies = made["message"], made["reply"]
    for _turn in range(chance.choice([1, 2, 2, 3, 3, 4, 5, 7])):
        action = chance.choice(_ACTIONS)
        mood = "negative" if chance.random() < gloom else chance.choice(["neutral"] * 5 + ["positive"] * 2)
        seq, asked, question = seq + 1, next_id[0], next_id[0]
        text = chance.choice(_QUESTIONS) if action in ("decline", "clarify") else f"How does number {question} work?"
        rows.append((asked, conversation, seq, "customer", text, at, mood, 0.9, "", f"c{asked}"))
        wait_s = chance.lognormvariate(0.9, 0.5) if chance.random() < 0.96 else chance.uniform(60, 120)
        done_at = at + timedelta(seconds=wait_s)
        used = [chance.choice(mine)] if action == "answer" and mine else []
        is_bad = bool(used) and used[0][0].startswith(("broken", "late", "lost", "refund"))
        gloom = 0.16 * (2.4 if action == "decline" else 1) * (1.9 if wait_s > 60 else 1) * (2.2 if is_bad else 1)
        gloom *= 0.8 if version.endswith("v2") else 1
        seq += 1
        answered, next_id[0] = asked + 1, next_id[0] + 2
        rows.append((answered, conversation, seq, "bot", used[0][1] if used else "Sorry.", done_at, "", None, "", ""))
        sources = json.dumps([{"id": pk, "question": "", "text": text, "score": 0.8} for pk, text in used])
        thumb = chance.choice(["up", "up", "up", "down"]) if chance.random() < 0.08 else ""
        replies.append(
            (asked, answered, conversation, at, done_at - timedelta(seconds=wait_s * 0.4), done_at, action, sources,
             version, "busy" if wait_s > 60 else "", thumb, done_at if thumb else None)
        )  # fmt: skip
        at = done_at + timedelta(seconds=chance.uniform(20, 90))
        if action == "handoff":
            break
    if action == "handoff" and chance.random() < 0.8:
        at += timedelta(seconds=chance.lognormvariate(4.6, 0.7))
        rows.append((next_id[0], conversation, seq + 1, "agent", "I'll look at it.", at, "", None, "", ""))
        seq, next_id[0] = seq + 1, next_id[0] + 1
    rating = chance.choice([5, 5, 5, 4, 4, 3, 2, 1]) if chance.random() < 0.12 else None
    made["customer"].append((customer, start))
    made["conversation"].append((conversation, customer, language, start, at, seq, rating, at if rating else None))
    return seq


def _insert(made: dict[str, list[tuple[Any, ...]]]) -> None:
    from django.db import transaction

    from chatbot.conversations.models import Conversation, Customer, Message, Reply

    columns = {
        "customer": (Customer, "id sessions_valid_from"),
        "conversation": (Conversation, "id customer_id language created_at last_message_at last_seq rating rated_at"),
        "message": (Message, "id conversation_id seq author text created_at sentiment sentiment_probability kind client_id"),  # noqa: E501
        "reply": (
            Reply,
            "customer_message_id message_id conversation_id queued_at first_delta_at finished_at action sources "
            "model_version degraded rating rated_at",
        ),
    }  # fmt: skip
    with transaction.atomic():
        for name, (model, fields) in columns.items():
            names = fields.split()
            rows = [model(**dict(zip(names, row, strict=True))) for row in made[name]]
            for row in rows:
                if isinstance(row, Reply):
                    row.status, row.sources = Reply.Status.DONE, json.loads(row.sources)
            model._default_manager.bulk_create(rows, batch_size=500)
            made[name].clear()


def timed(what: str, work: Any, *, times: int = 5) -> None:
    took = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1000)
    print(f"{what:<58} {statistics.median(took):8.0f} ms  (worst {max(took):.0f})", flush=True)  # noqa: T201


def main() -> None:
    os.environ.setdefault("KEFU_HOME", tempfile.mkdtemp(prefix="kefu-bench-"))
    os.environ |= {"DJANGO_SETTINGS_MODULE": "chatbot.settings", "LOG_LEVEL": "WARNING", "ALLOWED_HOSTS": "testserver"}
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.utils import timezone

    from chatbot.conversations.models import Message
    from chatbot.insight.models import RolledDay
    from chatbot.insight.roll_up import roll_up
    from chatbot.knowledge.services import import_answers

    numbers = [int(word) for word in sys.argv[1:] if word.isdigit()]
    num_messages, num_days = (numbers + [1_000_000, 365][len(numbers) :])[:2]
    call_command("migrate", verbosity=0)
    demo = Path(settings.BASE_DIR) / "chatbot" / "knowledge" / "demo"
    import_answers(text=next(demo.glob("*.csv")).read_text(encoding="utf-8"))
    started = time.perf_counter()
    fill(num_messages, num_days)
    print(f"{Message.objects.count():,} messages over {num_days} days, filled in {time.perf_counter() - started:.0f} s")  # noqa: T201
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    if "--keep" in sys.argv:
        return
    client = Client()
    client.force_login(User.objects.create_superuser("bench"))
    zone = timezone.get_default_timezone()

    def page(query: str) -> Any:
        return lambda: client.get(f"/desk/insight/?{query}").content

    page("days=7")()
    timed("30-day page counted from the rows (no roll-up)", page("days=30"), times=2)
    started = time.perf_counter()
    runs = 0
    while roll_up(zone=zone, max_days=60) and runs < 8 and RolledDay.objects.count() < num_days - 1:
        runs += 1
    print(f"roll-up of {RolledDay.objects.count()} days: {time.perf_counter() - started:.1f} s in {runs + 1} runs")  # noqa: T201
    timed("the beat task again, nothing new", lambda: roll_up(zone=zone), times=2)
    for query in ("days=7", "days=30", "days=90", "days=30&topic=shipping", "days=30&language=zh&version=kefu-27m-v1"):
        timed(f"page ?{query} from the roll-up", page(query))


if __name__ == "__main__":
    main()
