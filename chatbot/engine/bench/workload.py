"""What every engine is asked, and what is kept of how it answered. Plain Python: peers run without torch too."""

import json
import random
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

PROMPT_TOKENS = (200, 400)
_FIRST_ORDINARY_ID = 20  # below are the special tokens of our own checkpoints


@dataclass(frozen=True)
class Timing:
    """One request: seconds from the arrival of all until its first and its last token."""

    first_s: float
    last_s: float
    num_tokens: int


class BenchEngine(Protocol):
    """What a peer must do: answer all prompts, which arrive at once, with `num_new` tokens each, greedily."""

    def run(self, prompts: Sequence[Sequence[int]], num_new: int) -> list[Timing]: ...


@dataclass(frozen=True)
class Measurement:
    """One round of one engine. `cpu_s`: of the whole process, since the machine may be shared."""

    engine: str
    chats: int
    tokens_per_s: float
    ttft_p50_ms: float
    ttft_p95_ms: float
    latency_p95_ms: float
    rss_mb: float
    cpu_s: float


def make_prompts(folder: Path, num: int, seed: str) -> list[list[int]]:
    """Random ids, 200 to 400 of them, so that no two prompts begin alike and nobody's prefix cache helps."""
    vocabulary = int(json.loads((folder / "config.json").read_text())["vocab_size"])
    chance = random.Random(f"{num} {seed}")  # a prefix cache must not know a prompt from another round
    return [random_ids(chance, vocabulary, chance.randint(*PROMPT_TOKENS)) for _ in range(num)]


def random_ids(chance: random.Random, vocabulary: int, num: int) -> list[int]:
    """Ordinary tokens: none that begins or ends anything."""
    return [chance.randrange(_FIRST_ORDINARY_ID, vocabulary) for _ in range(num)]


def measure(name: str, engine: BenchEngine, prompts: Sequence[Sequence[int]], num_new: int) -> Measurement:
    started, cpu_started = time.perf_counter(), time.process_time()
    timings = engine.run(prompts, num_new)
    cpu_s, measured_s = time.process_time() - cpu_started, time.perf_counter() - started
    # an engine that answered some and reckoned the rest (naive) took longer than it was watched
    taken_s = max(measured_s, *(timing.last_s for timing in timings))
    firsts = [timing.first_s * 1000 for timing in timings]
    return Measurement(
        engine=name,
        chats=len(prompts),
        tokens_per_s=round(sum(timing.num_tokens for timing in timings) / taken_s, 1),
        ttft_p50_ms=round(statistics.median(firsts), 1),
        ttft_p95_ms=round(percentile(firsts, 95), 1),
        latency_p95_ms=round(percentile([timing.last_s * 1000 for timing in timings], 95), 1),
        rss_mb=round(_resident_mb(), 1),
        cpu_s=round(cpu_s * taken_s / measured_s, 3),
    )


def percentile(values: Sequence[float], share: int) -> float:
    """Between the two nearest values; of a single one that one."""
    return statistics.quantiles(values, n=100, method="inclusive")[share - 1] if len(values) > 1 else values[0]


def median_of(rounds: Sequence[Measurement]) -> Measurement:
    """The median of each number by itself."""
    first = rounds[0]
    numbers = {
        name: statistics.median(getattr(one, name) for one in rounds)
        for name in ("tokens_per_s", "ttft_p50_ms", "ttft_p95_ms", "latency_p95_ms", "rss_mb", "cpu_s")
    }
    return Measurement(engine=first.engine, chats=first.chats, **numbers)


def _resident_mb() -> float:
    """What the process holds now; its peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
