import time

import pytest
import torch

from chatbot.engine import (
    EngineOverloadedError,
    EngineUnavailableError,
    FinishReason,
    RequestState,
    SamplingParams,
)

PROMPTS = [[5, 9, 11], [1], [90, 3, 3, 3, 8, 70, 2], list(range(20, 40)), [44, 44], [7, 8, 9, 10, 11, 12]]


def params(**changes) -> SamplingParams:
    return SamplingParams(**{"max_new_tokens": 12, **changes})


def reference(model, prompt, num_tokens):
    with torch.no_grad():
        ids = torch.tensor([prompt])
        for _ in range(num_tokens):
            ids = torch.cat([ids, model(ids).logits[:, -1].argmax(-1, keepdim=True)], dim=1)
    return ids[0, len(prompt) :].tolist()


def slow(token_ids, logits):
    time.sleep(0.01)
    return logits


@pytest.mark.parametrize("options", [{}, {"uses_kernels": False}, {"fixed_shapes": True}])
def test_greedy_tokens_are_those_of_transformers_alone_and_in_a_batch(make_engine, tiny_model, options):
    engine = make_engine(max_batch_size=4, **options)  # fewer slots than requests: some join while others run
    requests = [engine.add_request(prompt, params(max_new_tokens=5 + n)) for n, prompt in enumerate(PROMPTS)]
    for n, (prompt, request) in enumerate(zip(PROMPTS, requests, strict=True)):
        assert list(request) == reference(tiny_model, prompt, 5 + n)
        assert request.finish_reason is FinishReason.LENGTH


def test_a_seeded_request_gets_the_same_tokens_whoever_shares_the_batch(make_engine):
    engine = make_engine()
    sampled = params(temperature=1.0, top_k=40, top_p=0.95, seed=3)
    alone = list(engine.add_request([4, 5], sampled))
    crowd = [engine.add_request([n, n + 1], params(temperature=1.0)) for n in range(6)]
    shared = list(engine.add_request([4, 5], sampled))
    assert shared == alone
    assert all(len(list(request)) == 12 for request in crowd)


def test_a_stop_token_ends_the_text_and_is_not_part_of_it(make_engine, tiny_model):
    expected = reference(tiny_model, PROMPTS[0], 12)
    stop = expected[4]
    request = make_engine().add_request(PROMPTS[0], params(stop_token_ids=frozenset([stop])))
    assert list(request) == expected[: expected.index(stop)]
    assert request.finish_reason is FinishReason.STOP


def test_a_cancelled_request_ends_once_and_frees_its_slot(make_engine):
    engine = make_engine(max_batch_size=1)
    first = engine.add_request([1], params(max_new_tokens=60, logits_processors=(slow,)))
    second = engine.add_request([2], params(max_new_tokens=3))
    next(iter(first))
    engine.cancel_request(first)
    engine.cancel_request(first)
    assert len(list(second)) == 3
    assert first.state is RequestState.CANCELLED
    assert len(list(first)) < 60


def test_a_raising_processor_fails_its_own_request_only(make_engine, tiny_model):
    def explode(token_ids, logits):
        if len(token_ids) == 2:
            raise RuntimeError("no such token")
        return logits

    engine = make_engine()
    bad = engine.add_request([1, 2], params(logits_processors=(explode,)))
    good = engine.add_request(PROMPTS[0], params())
    with pytest.raises(EngineUnavailableError, match="no such token"):
        list(bad)
    assert list(good) == reference(tiny_model, PROMPTS[0], 12)
    assert bad.state is RequestState.FAILED


def test_a_token_outside_the_vocabulary_fails_its_own_request_only(make_engine, tiny_model):
    engine = make_engine()
    bad = engine.add_request([1, 9999], params())
    with pytest.raises(EngineUnavailableError):
        list(bad)
    assert list(engine.add_request(PROMPTS[1], params())) == reference(tiny_model, PROMPTS[1], 12)


def test_a_deadline_ends_a_request_with_what_it_has(make_engine):
    engine = make_engine()  # some of its 60 tokens come within the second, on a busy machine too
    late = params(max_new_tokens=60, deadline=time.monotonic() + 1.0, logits_processors=(slow, slow, slow, slow, slow))
    request = engine.add_request([1], late)
    assert 0 < len(list(request)) < 60
    assert request.finish_reason is FinishReason.DEADLINE


def test_a_prompt_that_does_not_fit_is_refused_at_once(make_engine):
    engine = make_engine()
    with pytest.raises(ValueError, match="72 positions; the model has 64"):
        engine.add_request([1] * 60, params())
    with pytest.raises(ValueError, match="empty"):
        engine.add_request([], params())


def test_too_many_waiting_requests_are_refused(make_engine):
    engine = make_engine(max_batch_size=1, max_waiting=2)
    running = engine.add_request([1], params(max_new_tokens=60, logits_processors=(slow,)))
    next(iter(running))
    waiting = [engine.add_request([2], params(max_new_tokens=1)) for _ in range(2)]
    with pytest.raises(EngineOverloadedError):
        engine.add_request([3], params())
    engine.cancel_request(running)
    assert all(len(list(request)) == 1 for request in waiting)


def test_stopping_ends_every_request_and_refuses_new_ones(make_engine):
    engine = make_engine(max_batch_size=1)
    requests = [engine.add_request([n], params(max_new_tokens=60, logits_processors=(slow,))) for n in (1, 2)]
    engine.stop()
    for request in requests:
        with pytest.raises(EngineUnavailableError):
            list(request)
    with pytest.raises(EngineUnavailableError):
        engine.add_request([1], params())


def test_what_lay_in_memory_before_never_reaches_a_result(make_engine, tiny_model, monkeypatch):
    monkeypatch.setattr(torch, "empty", lambda shape, **options: torch.full(shape, torch.nan, **options))
    monkeypatch.setattr(torch, "empty_like", lambda tensor: torch.full(tensor.shape, torch.nan, dtype=tensor.dtype))
    engine = make_engine()
    requests = [engine.add_request(prompt, params()) for prompt in PROMPTS]
    for prompt, request in zip(PROMPTS, requests, strict=True):
        assert list(request) == reference(tiny_model, prompt, 12)
