"""Tokens a second of our engine beside transformers' `generate`, one request after the other, in one run.

Run: `python -m tests.bench.bench_engine [checkpoint]`. Same checkpoint, same prompts, greedy, same number of threads.
"""

import sys
import time

import torch

from chatbot.engine import SamplingParams
from chatbot.language_model.backends import LocalGenerator, start_local_generator
from chatbot.language_model.checkpoints import load_checkpoint

PROMPT_TOKENS = 200
NEW_TOKENS = 64
NUM_THREADS = 1


def prompts(num: int, vocabulary: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(20, vocabulary, (num, PROMPT_TOKENS), generator=generator).tolist()


def time_ours(generator: LocalGenerator, num_chats: int, vocabulary: int) -> tuple[float, float]:
    """(tokens/s, seconds until every chat has its first token)."""
    started = time.perf_counter()
    params = SamplingParams(max_new_tokens=NEW_TOKENS)
    requests = [generator.engine.add_request(prompt, params) for prompt in prompts(num_chats, vocabulary)]
    streams = [iter(request) for request in requests]
    for stream in streams:
        next(stream)
    first_s = time.perf_counter() - started
    num_tokens = num_chats + sum(len(list(stream)) for stream in streams)
    return num_tokens / (time.perf_counter() - started), first_s


def time_transformers(model: torch.nn.Module, num_chats: int, vocabulary: int) -> float:
    started = time.perf_counter()
    for prompt in prompts(num_chats, vocabulary):
        model.generate(  # type: ignore[operator]
            torch.tensor([prompt]),
            max_new_tokens=NEW_TOKENS,
            min_new_tokens=NEW_TOKENS,
            do_sample=False,
            pad_token_id=0,
        )
    return num_chats * NEW_TOKENS / (time.perf_counter() - started)


def time_fifth_turn(name: str) -> float:
    """Seconds to the first token of a conversation's fifth turn: an engine that never saw it over one that did."""
    fifth = _first_token_s(name, turns := _turns(name))[-1]
    unseen = min(_first_token_s(name, turns[-1:])[0] for _ in range(2))
    return unseen / fifth


def _turns(name: str) -> list[list[int]]:
    """The prompts of five turns, each with the answer to the one before and twenty new tokens."""
    generator = start_local_generator(name, num_threads=NUM_THREADS)
    turns = [prompts(1, 4000)[0]]
    for _turn in range(4):
        answer = generator.engine.add_request(turns[-1], SamplingParams(max_new_tokens=40))
        turns.append([*turns[-1], *answer, *prompts(1, 4000)[0][:20]])
    generator.stop()
    return turns


def _first_token_s(name: str, turns: list[list[int]]) -> list[float]:
    generator = start_local_generator(name, num_threads=NUM_THREADS)
    taken_s = []
    for turn in turns:
        request = generator.engine.add_request(turn, SamplingParams(max_new_tokens=40))
        list(request)
        assert request.first_token_at
        taken_s.append(request.first_token_at - request.added_at)
    generator.stop()
    return taken_s


def main(name: str) -> None:
    torch.set_num_threads(NUM_THREADS)
    checkpoint = load_checkpoint(name)
    vocabulary = checkpoint.model.config.vocab_size
    write = sys.stdout.write
    write(f"{PROMPT_TOKENS} prompt tokens, {NEW_TOKENS} new ones, {NUM_THREADS} thread\n")
    write("chats  weights  ours tok/s  all started after  transformers tok/s  ratio\n")
    for num_chats in (1, 8, 32):
        theirs = time_transformers(checkpoint.model, min(num_chats, 4), vocabulary)
        for weights in ("float", "int8"):
            generator = start_local_generator(
                name, num_threads=NUM_THREADS, max_batch_size=32, num_kept_slots=0, weights=weights
            )
            runs = [time_ours(generator, num_chats, vocabulary) for _ in range(3)]
            ours, first_s = max(tokens_s for tokens_s, _ in runs), min(first for _, first in runs)
            write(
                f"{num_chats:5}  {weights:>7}  {ours:10.0f}  {first_s:15.2f} s  {theirs:18.0f}  {ours / theirs:5.1f}\n"
            )
            generator.stop()
    write(f"fifth turn's first token sooner with reuse: {time_fifth_turn(name):.1f} times\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "chatbot/checkpoints/kefu-gpt2-27m")
