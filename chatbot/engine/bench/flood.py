"""How long short questions wait for their first token while long prompts flood the engine."""

import random
import statistics
import time
from pathlib import Path

from chatbot.engine import Engine, Request, SamplingParams
from chatbot.engine.bench.fifth_turn import first_token_ms
from chatbot.engine.bench.models import read_model, vocabulary_of
from chatbot.engine.bench.workload import percentile, random_ids

_LONG_PROMPT, _NUM_LONG, _LONG_ANSWER = 800, 16, 64
_SHORT_PROMPT, _NUM_SHORT, _SHORT_ANSWER = 30, 20, 8
_PAUSE_S = 0.05  # between the arrivals of short ones


def time_flood(folder: Path, *, num_threads: int, rounds: int) -> dict[str, float]:
    """Milliseconds until the first token of short requests: with nothing else to do, and while long ones are read."""
    shape, state = read_model(folder)
    vocabulary = vocabulary_of(state)
    long_prompt = min(_LONG_PROMPT, shape.context_length * 3 // 4)
    long_answer = min(_LONG_ANSWER, shape.context_length - long_prompt)
    engine = Engine(
        shape,
        state,
        num_threads=num_threads,
        weights="auto",
        cache="auto",
        max_batch_size=_NUM_LONG + _NUM_SHORT,
        reuses_prefixes=False,
    )
    engine.start()
    chance = random.Random(0)

    def add(length: int, num_new: int) -> Request:
        return engine.add_request(random_ids(chance, vocabulary, length), SamplingParams(max_new_tokens=num_new))

    alone, flooded, long_ones = [], [], []
    for _ in range(rounds):
        for _ in range(_NUM_SHORT):
            alone.append(first_token_ms(add(_SHORT_PROMPT, _SHORT_ANSWER)))
        flood = [add(long_prompt, long_answer) for _ in range(_NUM_LONG)]
        short = []
        for _ in range(_NUM_SHORT):
            short.append(add(_SHORT_PROMPT, _SHORT_ANSWER))
            time.sleep(_PAUSE_S)
        flooded += [first_token_ms(request) for request in short]
        long_ones += [first_token_ms(request) for request in flood]
    engine.stop()
    return {
        "alone_p50_ms": round(statistics.median(alone), 1),
        "short_p50_ms": round(statistics.median(flooded), 1),
        "short_p95_ms": round(percentile(flooded, 95), 1),
        "long_p50_ms": round(statistics.median(long_ones), 1),
        "long_p95_ms": round(percentile(long_ones, 95), 1),
    }
