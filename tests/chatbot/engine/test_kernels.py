"""The compiled kernels beside torch, and the engine where they can't be had."""

import shutil

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.engine import Engine, EngineUnavailableError, SamplingParams, kernels
from chatbot.engine.kernels import HEAD_SIZES, load_kernels
from chatbot.engine.shape import ModelShape
from tests.chatbot.engine.test_engine import PROMPTS, params, reference

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler here")


@pytest.fixture(scope="module")
def model_with_heads_of_16():
    torch.manual_seed(5)
    config = GPT2Config(vocab_size=97, n_positions=128, n_embd=64, n_layer=2, n_head=4, initializer_range=0.3)
    return GPT2LMHeadModel(config).eval()


@pytest.fixture
def start_engine(model_with_heads_of_16):
    started = []

    def start(**options) -> Engine:
        shape = ModelShape(num_layers=2, num_heads=4, width=64, context_length=128)
        started.append(Engine(shape, model_with_heads_of_16.state_dict(), **options))
        started[-1].start()
        return started[-1]

    yield start
    for engine in started:
        engine.stop()


@needs_compiler
@pytest.mark.parametrize("dim", sorted(HEAD_SIZES))
def test_attention_of_chats_of_different_lengths_is_that_of_torch(dim):
    torch.manual_seed(dim)
    qkv, positions = torch.randn(5, 3, 3, dim), torch.tensor([0, 1, 30, 63, 17])
    keys, values = torch.randn(6, 3, 64, dim), torch.randn(6, 3, 64, dim)
    slots = torch.tensor([4, 0, 5, 2, 1])
    attended = load_kernels().attend(qkv, keys, values, positions, slots)
    query, key, value = qkv.unbind(1)
    for row, (at, slot) in enumerate(zip(positions.tolist(), slots.tolist(), strict=True)):
        assert torch.equal(keys[slot, :, at], key[row]) and torch.equal(values[slot, :, at], value[row])
        seen = slice(0, at + 1)
        expected = F.scaled_dot_product_attention(query[row][:, None], keys[slot, :, seen], values[slot, :, seen])
        assert torch.allclose(attended[row], expected.reshape(-1), atol=1e-5)


@needs_compiler
def test_gelu_is_that_of_torch_from_end_to_end():
    numbers = torch.cat([torch.linspace(-30, 30, 10_001), torch.tensor([-1e4, 1e4, 0.0])])
    expected = F.gelu(numbers, approximate="tanh")
    assert torch.allclose(load_kernels().gelu_tanh_(numbers.clone()), expected, atol=2e-6)


@needs_compiler
def test_the_engine_with_kernels_gives_the_tokens_of_transformers(start_engine, model_with_heads_of_16):
    engine = start_engine(max_batch_size=4)
    requests = [engine.add_request(prompt, params()) for prompt in PROMPTS]
    for prompt, request in zip(PROMPTS, requests, strict=True):
        assert list(request) == reference(model_with_heads_of_16, prompt, 12)


@needs_compiler
def test_an_int8_cache_takes_a_third_and_hardly_changes_the_probabilities(start_engine, model_with_heads_of_16):
    prompt = list(range(1, 60))
    engine = start_engine(cache="int8", step_tokens=20)
    request = engine.add_request(prompt, params(log_probabilities=True))
    tokens = list(request)
    with torch.no_grad():
        rows = model_with_heads_of_16(torch.tensor([[*prompt, *tokens]])).logits[0].log_softmax(-1)
    expected = [float(rows[len(prompt) - 1 + n, token]) for n, token in enumerate(tokens)]
    assert request.log_probabilities == pytest.approx(expected, abs=0.1)
    plain = start_engine()
    list(plain.add_request(prompt, params()))
    assert engine.stats().cache_bytes < 0.33 * plain.stats().cache_bytes  # heads are short here: a scale for 16 numbers


@needs_compiler
def test_an_int8_cache_gives_the_same_tokens_whoever_shares_the_batch_and_reuses_prefixes(start_engine):
    engine = start_engine(cache="int8", step_tokens=24)
    alone = [list(engine.add_request(prompt, params())) for prompt in PROMPTS]
    crowd = [engine.add_request(prompt, params()) for prompt in PROMPTS]
    assert [list(request) for request in crowd] == alone
    turn = [*PROMPTS[3], *alone[3], 7, 8]
    again = engine.add_request(turn, params())
    assert list(again) == list(start_engine(cache="int8").add_request(turn, params()))
    assert again.num_reused >= len(PROMPTS[3])


def test_without_a_compiler_the_engine_runs_in_plain_torch_and_refuses_an_int8_cache(
    start_engine, model_with_heads_of_16, monkeypatch
):
    monkeypatch.setattr(kernels.shutil, "which", lambda _name: None)
    load_kernels.cache_clear()
    try:
        assert list(start_engine().add_request(PROMPTS[0], params())) == reference(
            model_with_heads_of_16, PROMPTS[0], 12
        )
        with pytest.raises(EngineUnavailableError):
            start_engine(cache="int8")
    finally:
        load_kernels.cache_clear()


@needs_compiler
def test_a_library_that_can_not_be_compiled_is_done_without(start_engine, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(kernels, "_FLAGS", ["--no-such-flag"])
    load_kernels.cache_clear()
    try:
        assert load_kernels() is None
        assert len(list(start_engine().add_request([1, 2], SamplingParams(max_new_tokens=3)))) == 3
        assert not any(tmp_path.rglob("*.so"))
    finally:
        load_kernels.cache_clear()
