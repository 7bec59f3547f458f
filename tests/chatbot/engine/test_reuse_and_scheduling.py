"""What a conversation's next turn saves, who goes first, and that nothing leaks however requests come and go."""

import random
import threading
import time
from pathlib import Path

import pytest
import torch

from chatbot.engine import EngineError, RequestState, decode_graphs
from chatbot.engine.memory import lazy_zeros, release_pages
from chatbot.engine.slots import SlotTable
from tests.chatbot.engine.test_engine import params, reference, slow

SYSTEM = list(range(1, 25))
CACHE_TOKENS = 200  # of the tiny model; below what the random test's requests would fill


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


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


def test_a_drain_that_begins_while_a_request_is_given_its_slot_waits_for_it(make_engine, monkeypatch):
    engine = make_engine()
    is_taking, has_begun = threading.Event(), threading.Event()
    take = SlotTable.take

    def slow_take(table, prompt):
        is_taking.set()
        has_begun.wait(5)
        return take(table, prompt)

    monkeypatch.setattr(SlotTable, "take", slow_take)
    request = engine.add_request(SYSTEM, params(max_new_tokens=3))
    is_taking.wait(5)
    threading.Timer(0.2, has_begun.set).start()
    assert engine.drain(timeout_s=20)
    assert request.state is RequestState.FINISHED


def test_a_request_that_is_cancelled_while_it_is_given_its_slot_stays_cancelled(make_engine, monkeypatch):
    engine, take, is_added = make_engine(), SlotTable.take, threading.Event()

    def take_and_cancel(table, prompt):
        is_added.wait(5)
        engine.cancel_request(request)
        return take(table, prompt)

    monkeypatch.setattr(SlotTable, "take", take_and_cancel)
    request = engine.add_request(SYSTEM, params())
    is_added.set()
    assert list(request) == []
    assert engine.drain(timeout_s=20)
    assert request.state is RequestState.CANCELLED
    assert request.token_ids == []


def test_log_probabilities_are_the_models_own_and_come_only_on_demand(make_engine, tiny_model):
    engine = make_engine()
    request = engine.add_request(SYSTEM, params(log_probabilities=True, temperature=0.7, seed=1))
    tokens = list(request)
    with torch.no_grad():
        rows = tiny_model(torch.tensor([[*SYSTEM, *tokens]])).logits[0].log_softmax(-1)
    expected = [float(rows[len(SYSTEM) - 1 + n, token]) for n, token in enumerate(tokens)]
    assert request.log_probabilities == pytest.approx(expected, abs=1e-3)
    plain = engine.add_request(SYSTEM, params())
    list(plain)
    assert plain.log_probabilities == []


def test_kept_chats_give_way_to_running_ones_under_a_limit_of_bytes(make_engine, tiny_model):
    per_token = 2 * 2 * 32 * 4
    engine = make_engine(max_batch_size=4, num_kept_slots=8, max_cache_bytes=100 * per_token)
    prompts = [[n, *range(60, 80), n] for n in range(8)]  # each may need 34 positions: two at once, no more
    most = 0
    requests = [engine.add_request(prompt, params()) for prompt in prompts]
    for prompt, request in zip(prompts, requests, strict=True):
        assert list(request) == reference(tiny_model, prompt, 12)
        most = max(most, engine.stats().cache_bytes)
    assert most <= 100 * per_token
    assert engine.stats().num_evicted > 0
    with pytest.raises(ValueError, match="the cache may hold 20"):
        make_engine(max_cache_bytes=20 * per_token).add_request([1] * 10, params())


def test_what_is_evicted_gives_its_memory_back_and_leaves_zeros():
    block = lazy_zeros((4, 1 << 20), torch.zeros(1))
    block.fill_(7.0)
    before = resident_bytes()
    release_pages(block[1])
    assert before - resident_bytes() > 3 << 20
    assert not block[1].any()
    assert bool((block[0] == 7).all()) and bool((block[2:] == 7).all())


def test_short_requests_are_not_starved_by_a_flood_of_long_prompts(make_engine):
    engine = make_engine(max_batch_size=8, step_tokens=16, num_kept_slots=0)
    flood = [
        engine.add_request([n, *range(50)], params(max_new_tokens=10, logits_processors=(slow,))) for n in range(7)
    ]
    short = engine.add_request([1, 2], params(max_new_tokens=1))
    list(short)
    assert all(len(list(request)) == 10 for request in flood)
    # the engine's own times: this thread may wake late
    assert short.first_token_at < sorted(request.first_token_at for request in flood)[2]


@pytest.mark.parametrize("seed", range(4))
def test_whatever_comes_every_request_ends_once_and_survivors_are_right(make_engine, tiny_model, seed, monkeypatch):
    """Random arrivals, cancels, deadlines, stop tokens, bad tokens, raising processors and a model that is replaced
    again and again, over thousands of steps; two of the times decoding in fixed shapes, as on a GPU."""
    monkeypatch.setattr(decode_graphs, "BLOCK_TOKENS", 16)
    chance = random.Random(seed)
    limit = CACHE_TOKENS * 2 * 2 * 32 * 4 if seed % 2 else 0
    options = {"max_batch_size": 5, "num_kept_slots": 4, "step_tokens": 24, "max_waiting": 1000}
    options["fixed_shapes"] = seed >= 2
    engines = [make_engine(**options, max_cache_bytes=limit)]
    requests, expected, drained = [], {}, []

    def explode(token_ids, logits):
        if len(token_ids) == 3:
            raise RuntimeError("processor")
        return logits

    def drain(engine):
        drained.append(engine.drain(timeout_s=30))

    drains = []
    for number in range(300):
        if number and number % 60 == 0:  # as when another checkpoint is chosen: the old engine ends what it has
            engines.append(make_engine(**options, max_cache_bytes=limit))
            drains.append(threading.Thread(target=drain, args=(engines[-2],)))
            drains[-1].start()
        start = chance.choice([SYSTEM[:10], SYSTEM[:20], [9] * 5, []])
        prompt = [*start, *(chance.randrange(97) for _ in range(chance.randint(1, 20)))]
        kind = chance.choice(["plain"] * 5 + ["stop", "bad token", "explode", "late", "cancel"])
        if kind == "bad token":
            prompt.append(5000)
        late = time.monotonic() + chance.uniform(0, 0.02) if kind == "late" else None
        processors = (explode,) if kind == "explode" else ()
        num_new = chance.randint(4, 15)
        right = reference(tiny_model, prompt, num_new) if kind in ("plain", "stop") else []
        stop = chance.choice(right) if kind == "stop" else -1
        request = engines[-1].add_request(
            prompt,
            params(
                max_new_tokens=num_new,
                deadline=late,
                logits_processors=processors,
                log_probabilities=chance.random() < 0.3,
                stop_token_ids=frozenset([stop]),
            ),
        )
        requests.append((kind, request))
        if right:
            expected[request.request_id] = right[: right.index(stop)] if stop in right else right
        if kind == "cancel":
            if chance.random() < 0.5:
                time.sleep(0.002)
            engines[-1].cancel_request(request)
    for kind, request in requests:
        try:
            tokens = list(request)
        except EngineError:
            assert kind in ("bad token", "explode")
            continue
        assert request.is_terminal
        assert len(request.log_probabilities) == (len(tokens) if request.params.log_probabilities else 0)
        assert request._events.empty()  # nothing comes after the end
        if request.request_id in expected:
            assert tokens == expected[request.request_id]
    for thread in drains:
        thread.join()
    engines[-1].drain(timeout_s=10)
    assert drained == [True] * len(drains)
    for engine in engines:
        stats = engine.stats()
        assert not engine.is_alive
        assert (stats.num_active, stats.num_waiting) == (0, 0)
        assert stats.cached_tokens <= (CACHE_TOKENS if limit else 9 * 64)
