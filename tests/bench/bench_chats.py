"""Seconds until a customer sees the first and the last word, at 1 and 8 chats at once, through the whole site.

Run: `python -m tests.bench.bench_chats`. Starts the site with `manage.py up`; also prints each process's memory, and
what socket, queue and database add to the first word: its time at the customer less what the reply pipeline itself took
for it (`first_text` of the reply's timings), whether it came from the model or from the approved text.
"""

import asyncio
import json
import statistics
import sys
import time
import urllib.request
import uuid
from pathlib import Path
from typing import NamedTuple

import redis
import websockets

from tests.site import Site, run_in, running_site

QUESTIONS = [  # all are answered, so that retrieval, the GPT-2 and the support check take part
    "How much is standard delivery?",
    "How do I skip one Tea Club box?",
    "标准配送运费多少钱？",
    "茶友会怎么跳过一盒？",
]


def new_customer_cookie(site: Site) -> str:
    with urllib.request.urlopen(f"{site.url}/chat/") as page:
        cookies = page.headers.get_all("Set-Cookie")
    return next(cookie for cookie in cookies if cookie.startswith("kefu_customer=")).split(";")[0]


_NUM_TIMED = 20
_READ_ROWS = """
from chatbot.conversations.models import Reply
result = []
for reply in Reply.objects.filter(pk__in=ids).order_by("pk"):
    times = (reply.queued_at, reply.started_at, reply.first_delta_at)
    result.append([*(time.timestamp() for time in times), reply.timings_ms["first_text"] / 1000, reply.origin])
"""


class Answer(NamedTuple):
    """Seconds by the clock of the machine, and seconds taken."""

    sent_at: float
    first_s: float
    last_s: float
    reply_id: int


async def ask(site: Site, question: str) -> Answer:
    headers = {"Cookie": await asyncio.to_thread(new_customer_cookie, site), "Origin": site.url}
    async with websockets.connect(f"ws://127.0.0.1:{site.port}/ws/chat/", additional_headers=headers) as socket:
        await socket.send(json.dumps({"type": "conversation.subscribe", "last_seq": 0}))
        await socket.recv()
        started, first, sent_at, reply_id = time.perf_counter(), None, time.time(), 0
        await socket.send(json.dumps({"type": "message.send", "client_id": uuid.uuid4().hex, "text": question}))
        async for frame in socket:
            event = json.loads(frame)
            if event["type"] == "reply.delta" and first is None:
                first, reply_id = time.perf_counter() - started, event["data"]["reply_id"]
            if event["type"] == "reply.finished":
                last = time.perf_counter() - started
                return Answer(sent_at, first or last, last, reply_id)
    raise RuntimeError("the socket closed before the reply was finished")


async def ask_at_once(site: Site, num_chats: int) -> list[Answer]:
    return await asyncio.gather(*(ask(site, QUESTIONS[n % len(QUESTIONS)]) for n in range(num_chats)))


async def ask_in_turn(site: Site, num: int) -> list[Answer]:
    return [await ask(site, QUESTIONS[n % len(QUESTIONS)]) for n in range(num)]


def what_the_path_adds(site: Site, answers: list[Answer]) -> dict[str, list[float]]:
    """Milliseconds of each answer that had a first word before its end, by part of the path."""
    shown = sorted((answer for answer in answers if answer.reply_id), key=lambda answer: answer.reply_id)
    parts: dict[str, list[float]] = {}
    rows = run_in(site, _READ_ROWS, ids=[answer.reply_id for answer in shown])
    for answer, (queued, started, first_delta, first_text, _origin) in zip(shown, rows, strict=True):
        for part, seconds in {
            "first word at the customer": answer.first_s,
            "of it the reply pipeline": first_text,
            "added": answer.first_s - first_text,
            "  socket and saving": queued - answer.sent_at,
            "  queue": started - queued,
            "  worker's rows": first_delta - started - first_text,
            "  back to the socket": answer.sent_at + answer.first_s - first_delta,
        }.items():
            parts.setdefault(part, []).append(seconds * 1000)
    return parts


def memory_of_processes(site: Site) -> list[tuple[str, float]]:
    """(command, resident MB) of every process whose environment names this site's home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"KEFU_HOME={site.home}".encode() in (folder / "environ").read_bytes():
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                resident = next(line for line in (folder / "status").read_text().splitlines() if "VmRSS" in line)
                found.append((command[-70:].strip(), int(resident.split()[1]) / 1024))
        except (OSError, StopIteration):
            continue
    return found


def main() -> None:
    write = sys.stdout.write
    started = time.perf_counter()
    with running_site() as site:
        write(f"first start to ready: {time.perf_counter() - started:.1f} s\n")
        redis.Redis.from_url(site.redis_url).ping()
        asyncio.run(ask_in_turn(site, len(QUESTIONS)))  # warm-up: what is asked later has been read
        write("chats  first word p50 / max   last word p50 / max\n")
        for num_chats in (1, 8):
            answers = asyncio.run(ask_at_once(site, num_chats))
            firsts, lasts = sorted(a.first_s for a in answers), sorted(a.last_s for a in answers)
            write(
                f"{num_chats:5}  {statistics.median(firsts):8.2f} / {firsts[-1]:.2f} s"
                f"   {statistics.median(lasts):8.2f} / {lasts[-1]:.2f} s\n"
            )
        write(f"{_NUM_TIMED} chats one after another, ms      p50      max\n")
        for part, times in what_the_path_adds(site, asyncio.run(ask_in_turn(site, _NUM_TIMED))).items():
            write(f"{part:30} {statistics.median(times):8.1f} {max(times):8.1f}\n")
        for command, megabytes in memory_of_processes(site):
            write(f"{megabytes:7.0f} MB  {command}\n")


if __name__ == "__main__":
    main()
