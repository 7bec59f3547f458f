"""What a conversation's next turn saves, who goes first, and that nothing leaks however requests come and go."""

import random
import time

import pytest
import torch

from chatbot.engine import EngineError, RequestState, SamplingParams
from tests.chatbot.engine.test_engine import params, reference

SYSTEM = list(range(1, 25))


def test_the_next_turn_of_a_conversation_reads_only_what_is_new(make_engine, tiny_model):
    engine = make_engine()
    first = engine.add_request(SYSTEM, params(max_new_tokens=6))
    answer = list(first)
    turn = [*SYSTEM, *answer, 30, 31]
    second = engine.add_request(turn, params(max_new_tokens=6))
    assert list(second) == reference(tiny_model, turn, 6)
    assert second.num_reused == len(SYSTEM) + len(answer) - 1  # the last answer's token was never fed
    assert engine.stats().reuse_rate > 0.4


def test_a_beginning_that_others_share_is_copied_from_whoever_has_it(make_engine, tiny_model):
    engine = make_engine()
    busy = engine.add_request([*SYSTEM, 40], params(max_new_tokens=30))
    next(iter(busy))
    other = engine.add_request([*SYSTEM, 50, 51], params())
    assert list(other) == reference(tiny_model, [*SYSTEM, 50, 51], 12)
    assert other.num_reused == len(SYSTEM)
    list(busy)
    assert busy.token_ids == reference(tiny_model, [*SYSTEM, 40], 30)


def test_what_is_kept_longest_unused_gives_way(make_engine, tiny_model):
    engine = make_engine(max_batch_size=1, num_kept_slots=2)
    prompts = [[n, *range(60, 70), n] for n in range(5)]
    for prompt in [*prompts, *prompts]:
        assert list(engine.add_request(prompt, params())) == reference(tiny_model, prompt, 12)
    assert engine.stats().cached_tokens <= 3 * 64


@pytest.mark.parametrize("step_tokens", [16, 20, 1000])
def test_a_prompt_read_in_pieces_gives_the_same_tokens(make_engine, tiny_model, step_tokens):
    engine = make_engine(step_tokens=step_tokens, num_kept_slots=0)
    prompts = [[n + 1, *range(n, n + 40)] for n in range(6)]
    requests = [engine.add_request(prompt, params()) for prompt in prompts]
    for prompt, request in zip(prompts, requests, strict=True):
        assert list(request) == reference(tiny_model, prompt, 12)


def test_the_more_urgent_of_two_waiting_requests_goes_first(make_engine):
    engine = make_engine(max_batch_size=1)
    order = []

    def note(name):
        return lambda token_ids, logits: (order.append(name), logits)[1]

    def slow(token_ids, logits):
        time.sleep(0.01)
        return logits

    running = engine.add_request([1], params(max_new_tokens=20, logits_processors=(slow,)))
    next(iter(running))
    batch_job = engine.add_request([2], params(max_new_tokens=1, logits_processors=(note("job"),)))
    customer = engine.add_request([3], params(max_new_tokens=1, priority=10, logits_processors=(note("customer"),)))
    list(customer), list(batch_job), list(running)
    assert order == ["customer", "job"]


def test_a_repetition_penalty_keeps_a_greedy_text_from_going_in_circles(make_engine):
    engine = make_engine()
    plain = list(engine.add_request([5, 5, 5], params(max_new_tokens=30)))
    penalised = list(engine.add_request([5, 5, 5], params(max_new_tokens=30, repetition_penalty=5.0)))
    assert len(set(penalised)) > len(set(plain))


def test_int8_weights_give_nearly_the_same_probabilities(make_engine, tiny_model):
    seen = []
    engine = make_engine(weights="int8")
    list(
        engine.add_request(
            SYSTEM, params(max_new_tokens=1, logits_processors=(lambda ids, row: seen.append(row) or row,))
        )
    )
    exact = tiny_model(torch.tensor([SYSTEM])).logits[0, -1]
    assert torch.nn.functional.cosine_similarity(seen[0], exact, dim=0) > 0.99


def test_draining_finishes_what_runs_and_refuses_what_is_new(make_engine):
    engine = make_engine()
    requests = [engine.add_request([n], params(max_new_tokens=40)) for n in range(4)]
    assert engine.drain(timeout_s=20)
    assert [request.state for request in requests] == [RequestState.FINISHED] * 4
    with pytest.raises(EngineError):
        engine.add_request([1], params())


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_every_request_ends_once_and_survivors_are_right(make_engine, tiny_model, seed):
    """Random arrivals, cancels, deadlines, bad tokens and raising processors over thousands of steps."""
    chance = random.Random(seed)
    engine = make_engine(max_batch_size=5, num_kept_slots=4, step_tokens=24, max_waiting=1000)
    requests, expected = [], {}

    def explode(token_ids, logits):
        if len(token_ids) == 3:
            raise RuntimeError("processor")
        return logits

    for _ in range(300):
        start = chance.choice([SYSTEM[:10], SYSTEM[:20], [9] * 5, []])
        prompt = [*start, *(chance.randrange(97) for _ in range(chance.randint(1, 20)))]
        kind = chance.choice(["plain"] * 6 + ["bad token", "explode", "late", "cancel"])
        if kind == "bad token":
            prompt.append(5000)
        late = time.monotonic() + chance.uniform(0, 0.02) if kind == "late" else None
        processors = (explode,) if kind == "explode" else ()
        num_new = chance.randint(4, 15)
        request = engine.add_request(
            prompt, SamplingParams(max_new_tokens=num_new, deadline=late, logits_processors=processors)
        )
        requests.append((kind, request))
        if kind == "plain":
            expected[request.request_id] = (prompt, num_new)
        if kind == "cancel":
            if chance.random() < 0.5:
                time.sleep(0.002)
            engine.cancel_request(request)
    for kind, request in requests:
        try:
            tokens = list(request)
        except EngineError:
            assert kind in ("bad token", "explode")
            continue
        assert request.is_terminal
        assert request._events.empty()  # nothing comes after the end
        if request.request_id in expected:
            prompt, num_new = expected[request.request_id]
            assert tokens == reference(tiny_model, prompt, num_new)
    engine.drain(timeout_s=10)
    stats = engine.stats()
    assert (stats.num_active, stats.num_waiting) == (0, 0)
    assert stats.cached_tokens <= 9 * 64
