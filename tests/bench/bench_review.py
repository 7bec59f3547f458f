"""The review queue with a million messages: filling it, its first page, one turn, the figures, an export's first piece.

    python -m tests.bench.bench_review sqlite --plan
    python -m tests.bench.bench_review postgresql

Fills as `bench_inbox` does, lets the queue take everything in, adds 20,000 reviews of four people (the riskiest turns
first, as they would come), and times what the pages do without their templates.
"""

import statistics
import time
from collections.abc import Callable

from tests.bench.bench_inbox import fill, migrated_site, options_of

_NUM_RUNS = 20
_NUM_REVIEWS = 20_000
QUERIES = ["", "why=negative", "why=disliked", "why=declined&language=zh", "sentiment=positive", "view=sample",
           "since=2026-03-01&until=2026-03-07"]  # fmt: skip


def prepare() -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.db.models.functions import Mod
    from django.utils import timezone

    from chatbot.conversations.models import Reply
    from chatbot.review import queue
    from chatbot.review.models import QueueItem, Review

    Reply.objects.annotate(last=Mod("pk", 7)).filter(last=0).update(confidence=0.5)
    Reply.objects.annotate(last=Mod("pk", 400)).filter(last=0).update(rating="down")
    begin = time.perf_counter()
    while queue._fill(queue.BATCH) == queue.BATCH:
        pass
    print(f"queue of {QueueItem.objects.count():,} filled in {time.perf_counter() - begin:.0f} s")  # noqa: T201
    people = list(User.objects.order_by("pk")[:4])
    riskiest = list(QueueItem.objects.at_risk().values_list("pk", flat=True)[: _NUM_REVIEWS // 2])
    reviews = [
        Review(
            message_id=pk,
            reviewer=people[(n + k) % 4],
            verdict="right" if (n * 7 + k) % 3 else "wrong_entry",
            reviewed_at=timezone.now(),
        )
        for n, pk in enumerate(riskiest)
        for k in range(2 if n % 2 else 1)
    ]
    Review.objects.bulk_create(reviews, batch_size=1000)
    QueueItem.objects.filter(pk__in=riskiest[1::2][:900]).update(is_open=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def measure(show_plans: bool) -> None:
    from datetime import timedelta

    from django.contrib.auth.models import User
    from django.db import connection
    from django.http import QueryDict
    from django.utils import timezone

    from chatbot.conversations.models import Conversation, Message
    from chatbot.inbox.search import words_of
    from chatbot.review import exports, figures
    from webui.desk.review import turns
    from webui.desk.review.address import parse_address

    agent = User.objects.order_by("pk")[0]
    opened = Message.objects.filter(author="customer").select_related("reply__message", "conversation").last()
    month = timezone.now() - timedelta(days=30)
    everything = Conversation.objects.filter(last_seq__gt=0)
    works: dict[str, Callable[[], object]] = {}
    for query in QUERIES:
        wanted = parse_address(QueryDict(query).dict())
        works[f"list: {query or 'at risk'}"] = lambda wanted=wanted: turns.rows_of(wanted, agent)
    works["a turn with its context"] = lambda: turns.turn_of(opened, agent)
    works["progress"] = lambda: figures.progress(reviewer=agent, today=timezone.now() - timedelta(hours=8))
    works["rate and agreement"] = lambda: figures.figures(since=month)
    for level in exports.COLUMNS:
        asked = exports.Wanted(
            level=level, conversations=everything, words=words_of(""), is_filtered=False, is_redacted=True
        )
        works[f"export, first piece: {level}"] = lambda asked=asked: next(exports.pieces(asked))
    print(f"\n{connection.vendor}: {_NUM_RUNS} runs, ms\n{'':<44}{'p50':>8}{'p95':>8}")  # noqa: T201
    for name, work in works.items():
        print(f"{name:<44}{_timed(work)}")  # noqa: T201
    if show_plans:
        for query in QUERIES:
            rows = parse_address(QueryDict(query).dict()).items(agent)[: turns.PAGE_SIZE]
            print(f"\n{query or 'at risk'}\n{rows.explain()}")  # noqa: T201


def _timed(work: Callable[[], object]) -> str:
    times = []
    for _run in range(_NUM_RUNS):
        begin = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - begin))
    return f"{statistics.median(times):>8.1f}{statistics.quantiles(times, n=20)[-1]:>8.1f}"


def main() -> None:
    keep = "a SQLite file, of bench_inbox too: the rest is made"
    options = options_of(__doc__, plan="print the plan of each list", keep=keep)
    with migrated_site(options.vendor, options.keep):
        from chatbot.conversations.models import Message
        from chatbot.review.models import QueueItem

        if not Message.objects.exists():
            fill(options.messages)
        if not QueueItem.objects.exists():
            prepare()
        measure(options.plan)


if __name__ == "__main__":
    main()
