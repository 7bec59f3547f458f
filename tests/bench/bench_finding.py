"""How long a question takes to find its answer: the encoder, the search over ever larger knowledge bases, the reader.

Run: `python -m tests.bench.bench_finding [NUM_PASSAGES ...]`. One thread. The large bases hold random vectors and
words: what a search costs doesn't depend on what they mean. Encoder and reader are timed alone.
"""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

_TURNS = {
    "short question": ["do you ship to Spain"],
    "follow-up (3 queries)": [
        "and express?",
        "hello, how long does delivery take and express?",
        "Orders before 14:00 leave the same day and arrive in 2 to 3 working days. and express?",
    ],
    "Chinese": ["我上周买的杯子碎了一个，能只退这一个吗？"],
    "a page of text": ["I bought three cups and one of them came broken and nobody answers my mail. " * 12],
}
_ROUNDS = 30
_TEXTS_PER_ENTRY = 5


def main(sizes: Sequence[int]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    import django
    import torch

    django.setup()
    torch.set_num_threads(1)
    report = {
        "encoder_ms": _time_encoder(),
        "search_ms": {size: _time_search(size) for size in sizes},
        "reader_ms": _time_reader(),
    }
    sys.stdout.write(json.dumps(report, indent=1) + "\n")


def _time_encoder() -> dict[str, dict[str, float]]:
    from chatbot.encoder.encoder import get_encoder

    encoder = get_encoder()
    return {
        name: _milliseconds(*(partial(encoder.encode, turn) for turn in _new(turns))) for name, turns in _TURNS.items()
    }


def _time_reader() -> dict[str, dict[str, float]]:
    """Eight entries that were read before."""
    from chatbot.encoder.reader import get_reader
    from chatbot.knowledge.index import NUM_COMPARED

    entries = [
        (f"How long does delivery to place {n} take?", _TURNS["a page of text"][0][:250]) for n in range(NUM_COMPARED)
    ]
    return {
        name: _milliseconds(*(partial(get_reader().read, turn, entries) for turn in _new(turns)))
        for name, turns in _TURNS.items()
    }


def _new(turns: Sequence[str]) -> list[list[str]]:
    """The same with a number in front, so that nothing of them is known yet."""
    return [[f"{number}. {text}" for text in turns] for number in range(_ROUNDS)]


def _time_search(num_passages: int) -> dict[str, dict[str, float]]:
    from chatbot.encoder.encoder import DIMENSIONS
    from chatbot.knowledge.entries import Entry
    from chatbot.knowledge.index import KnowledgeIndex

    chance, numbers = random.Random(1), np.random.default_rng(1)

    class RandomEncoder:
        def encode(self, texts: Sequence[str], /) -> Any:
            vectors = numbers.standard_normal((len(texts), DIMENSIONS), dtype=np.float32)
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    def words(count: int) -> str:
        return " ".join(f"word{int(chance.paretovariate(0.6)) % 30_000}" for _ in range(count))

    entries = [
        Entry(
            id=f"e{number}",
            language="en",
            question=words(7),
            answer=words(40),
            alternatives=(words(7), words(7), words(7)),
        )
        for number in range(num_passages // _TEXTS_PER_ENTRY)
    ]
    index = KnowledgeIndex(entries, encoder=RandomEncoder())
    questions = [words(8) for _ in range(_ROUNDS)]
    return {
        f"{num} {'query' if num == 1 else 'queries'}": _milliseconds(
            *(partial(index.nearest, [question] * num, "en") for question in questions)
        )
        for num in (1, 3)
    }


def _milliseconds(*calls: Callable[[], Any]) -> dict[str, float]:
    calls[0]()
    taken = []
    for call in calls[1:]:
        start = time.perf_counter()
        call()
        taken.append((time.perf_counter() - start) * 1000)
    return {"p50": round(statistics.median(taken), 1), "p95": round(statistics.quantiles(taken, n=20)[-1], 1)}


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [1_000, 10_000, 100_000])
