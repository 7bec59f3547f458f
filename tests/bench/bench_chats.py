"""Seconds until a customer sees the first and the last word, at 1 and 8 chats at once, through the whole site.

Run: `python -m tests.bench.bench_chats`. Starts the site with `manage.py up`; also prints each process's memory.
"""

import asyncio
import json
import statistics
import sys
import time
import urllib.request
import uuid
from pathlib import Path

import redis
import websockets

from tests.site import Site, running_site

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


async def ask(site: Site, question: str) -> tuple[float, float]:
    headers = {"Cookie": await asyncio.to_thread(new_customer_cookie, site), "Origin": site.url}
    async with websockets.connect(f"ws://127.0.0.1:{site.port}/ws/chat/", additional_headers=headers) as socket:
        await socket.send(json.dumps({"type": "conversation.subscribe", "last_seq": 0}))
        await socket.recv()
        started, first = time.perf_counter(), None
        await socket.send(json.dumps({"type": "message.send", "client_id": uuid.uuid4().hex, "text": question}))
        async for frame in socket:
            name = json.loads(frame)["type"]
            if name == "reply.delta" and first is None:
                first = time.perf_counter() - started
            if name == "reply.finished":
                last = time.perf_counter() - started
                return first or last, last
    raise RuntimeError("the socket closed before the reply was finished")


async def ask_at_once(site: Site, num_chats: int) -> tuple[list[float], list[float]]:
    asked = [ask(site, QUESTIONS[n % len(QUESTIONS)]) for n in range(num_chats)]
    firsts, lasts = zip(*await asyncio.gather(*asked), strict=True)
    return sorted(firsts), sorted(lasts)


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
        asyncio.run(ask_at_once(site, 1))  # warm-up
        write("chats  first word p50 / max   last word p50 / max\n")
        for num_chats in (1, 8):
            firsts, lasts = asyncio.run(ask_at_once(site, num_chats))
            write(
                f"{num_chats:5}  {statistics.median(firsts):8.2f} / {firsts[-1]:.2f} s"
                f"   {statistics.median(lasts):8.2f} / {lasts[-1]:.2f} s\n"
            )
        for command, megabytes in memory_of_processes(site):
            write(f"{megabytes:7.0f} MB  {command}\n")


if __name__ == "__main__":
    main()
