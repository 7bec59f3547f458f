"""What reading only the new part of a conversation saves: the first token of a fifth turn, with reuse and without."""

import random
import statistics
from pathlib import Path

from chatbot.engine import Engine, Request, SamplingParams
from chatbot.engine.bench.models import read_model, vocabulary_of
from chatbot.engine.bench.workload import random_ids

_FIRST_PROMPT, _QUESTION, _ANSWER, _TURNS = 200, 20, 40, 5


def time_fifth_turn(folder: Path, *, num_threads: int, rounds: int) -> dict[str, float]:
    """Medians in milliseconds; rounds with and without reuse alternate, each with a conversation of its own."""
    shape, state = read_model(folder)
    vocabulary = vocabulary_of(state)
    engines = {
        name: Engine(
            shape,
            state,
            num_threads=num_threads,
            weights="auto",
            cache="auto",
            reuses_prefixes=name == "with_reuse",
        )
        for name in ("with_reuse", "without_reuse")
    }
    taken: dict[str, list[float]] = {name: [] for name in engines}
    for engine in engines.values():
        engine.start()
    for number in range(rounds):
        for name, engine in engines.items():
            taken[name].append(_fifth_turn_ms(engine, random.Random(number), vocabulary))
    for engine in engines.values():
        engine.stop()
    medians = {f"{name}_ms": round(statistics.median(values), 1) for name, values in taken.items()}
    return medians | {"times_sooner": round(medians["without_reuse_ms"] / medians["with_reuse_ms"], 2)}


def _fifth_turn_ms(engine: Engine, chance: random.Random, vocabulary: int) -> float:
    prompt = random_ids(chance, vocabulary, _FIRST_PROMPT)
    for _ in range(_TURNS - 1):
        prompt += engine.add_request(prompt, SamplingParams(max_new_tokens=_ANSWER))
        prompt += random_ids(chance, vocabulary, _QUESTION)
    return first_token_ms(engine.add_request(prompt, SamplingParams(max_new_tokens=_ANSWER)))


def first_token_ms(request: Request) -> float:
    """Waits for the request's end."""
    list(request)
    if request.first_token_at is None:
        raise RuntimeError("a request gave no token")
    return (request.first_token_at - request.added_at) * 1000
