"""The whole forward pass in compiled code beside torch: weights and caches of each kind, prompts, whole steps."""

import platform
import subprocess

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel

from chatbot.engine import compiled, kernels
from chatbot.engine.cache import Chunk, choose_cache
from chatbot.engine.kernels import HEAD_SIZES, load_kernels
from chatbot.engine.linear import choose_weights
from chatbot.engine.model_runner import ModelRunner
from chatbot.engine.shape import ModelShape
from tests.chatbot.engine.test_engine import PROMPTS, params
from tests.chatbot.engine.test_kernels import needs_compiler

KINDS = {"float": 0, "bf16": 1, "int8": 2}
CLOSE = {"float": 0.99999, "bf16": 0.999, "int8": 0.99}  # cosine of the logits with those of torch


@pytest.fixture(params=KINDS)
def weights(request):
    library = load_kernels()
    if library is None or not library.group_of(KINDS[request.param]):
        pytest.skip(f"NOT TESTED: this processor multiplies no {request.param} weights in compiled code")
    return request.param


def make_model(heads=2, head_dim=64, vocabulary=101):
    torch.manual_seed(11)
    width = heads * head_dim
    config = GPT2Config(vocab_size=vocabulary, n_positions=256, n_embd=width, n_layer=2, n_head=heads)
    model = GPT2LMHeadModel(config).eval()
    for parameter in model.parameters():
        parameter.data = torch.randn_like(parameter) * 1.5 / width**0.5 + (parameter.data == 1)  # biases and norms too
    shape = ModelShape(num_layers=2, num_heads=heads, width=width, context_length=256)
    return shape, model.state_dict()


def read(runner, prompt, *, cuts, slot=0):
    """Reads a prompt in pieces; returns the logits after the last."""
    for start, end in zip([0, *cuts], [*cuts, len(prompt)], strict=True):
        _none, ends = runner.run([], [], [Chunk(slot, start, prompt[start:end])])
    return ends[0]


@pytest.mark.parametrize("head_dim", sorted(HEAD_SIZES))
@pytest.mark.parametrize("cache", ["float", "int8"])
def test_logits_are_those_of_torch_for_prompts_and_for_tokens_after_them(weights, cache, head_dim):
    shape, state = make_model(head_dim=head_dim)
    runner = ModelRunner(shape, state, num_slots=3, weights=weights, cache=cache)
    plain = ModelRunner(shape, state, num_slots=3, uses_kernels=False)
    assert runner._compiled
    prompt = [(7 * n) % 101 for n in range(150)]
    # a cache of 8 bits costs more on random numbers than on a model's own
    close = CLOSE[weights] if cache == "float" else min(CLOSE[weights], 0.999)
    for one in (runner, plain):
        one.logits = [read(one, prompt, cuts=[]), *one.run([5], [150], [])[0], *one.run([9], [151], [])[0]]
    for mine, right in zip(runner.logits, plain.logits, strict=True):
        assert F.cosine_similarity(mine, right, dim=0) > close
        if weights == cache == "float":
            assert torch.allclose(mine, right, atol=2e-3)


@pytest.mark.parametrize("cache", ["float", "int8"])
def test_a_rows_numbers_are_the_same_to_the_bit_however_it_is_cut_and_whoever_shares_the_step(weights, cache):
    shape, state = make_model()
    prompts = [[(5 * n + who) % 101 for n in range(60 + 13 * who)] for who in range(5)]
    alone = ModelRunner(shape, state, num_slots=8, weights=weights, cache=cache)
    after = [read(alone, prompt, cuts=[], slot=who) for who, prompt in enumerate(prompts)]
    for who, prompt in enumerate(prompts):
        again = read(alone, prompt, cuts=[10, 17, 49], slot=7)
        assert torch.equal(again, after[who])
    together = ModelRunner(shape, state, num_slots=8, weights=weights, cache=cache)
    _none, ends = together.run([], [], [Chunk(who, 0, prompt) for who, prompt in enumerate(prompts)])
    assert all(torch.equal(mine, right) for mine, right in zip(ends, after, strict=True))
    one, _none = alone.run([33], [60], [])
    lengths = [len(prompt) for prompt in prompts]
    five, last = together.run([33, 34, 35, 36, 37], lengths, [Chunk(6, 0, prompts[0])])
    assert torch.equal(five[0], one[0])
    assert torch.equal(last[0], after[0])


@needs_compiler
@pytest.mark.parametrize("dim", sorted(HEAD_SIZES))
def test_attention_over_8_bits_is_that_of_torch_over_the_same_numbers(dim):
    torch.manual_seed(dim)
    positions, slots = torch.tensor([0, 1, 15, 16, 17, 63, 126]), torch.tensor([6, 5, 4, 3, 2, 1, 0])
    qkv = torch.randn(7, 3, 3, dim)
    keys, values = (torch.randint(-127, 128, (7, 3, 127, dim), dtype=torch.int8) for _ in range(2))
    key_scales, value_scales = torch.rand(7, 3, 127) / 50, torch.rand(7, 3, 127) / 50
    attended = load_kernels().attend(qkv, keys, values, positions, slots, (key_scales, value_scales))
    for row, (at, slot) in enumerate(zip(positions.tolist(), slots.tolist(), strict=True)):
        seen = slice(0, at + 1)
        read_keys = keys[slot, :, seen] * key_scales[slot, :, seen, None]
        read_values = values[slot, :, seen] * value_scales[slot, :, seen, None]
        expected = F.scaled_dot_product_attention(qkv[row, 0][:, None], read_keys, read_values)
        assert torch.allclose(attended[row], expected.reshape(-1), atol=3e-4)


def test_what_compiled_code_can_not_do_runs_in_torch(make_engine, tiny_model, monkeypatch):
    monkeypatch.setattr(compiled, "_ACTIVATIONS", ())
    expected = list(make_engine(uses_kernels=False).add_request(PROMPTS[3], params()))
    assert list(make_engine().add_request(PROMPTS[3], params())) == expected
    if load_kernels():
        assert len(list(make_engine(cache="int8").add_request(PROMPTS[3], params()))) == len(expected)
    if torch.cpu._is_avx512_bf16_supported():
        engine = make_engine(weights="bf16")
        seen = []
        note = params(max_new_tokens=1, logits_processors=(lambda _ids, row: seen.append(row) or row,))
        list(engine.add_request(PROMPTS[3], note))
        exact = tiny_model(torch.tensor([PROMPTS[3]])).logits[0, -1]
        assert F.cosine_similarity(seen[0], exact, dim=0) > 0.999


@pytest.mark.parametrize(("is_native", "chosen"), [(True, "bf16"), (False, "float")])
def test_weights_are_bf16_by_themselves_only_where_the_processor_multiplies_it(monkeypatch, is_native, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: is_native)
    assert choose_weights("auto", torch.zeros(1)) == chosen
    assert choose_weights("auto", torch.zeros(1, dtype=torch.bfloat16)) == "float"
    assert choose_weights("int8", torch.zeros(1)) == "int8"
    with pytest.raises(ValueError, match="not 'half'"):
        choose_weights("half", torch.zeros(1))


def test_bf16_goes_to_onednn_where_the_processor_has_tiles(monkeypatch):
    if not torch.cpu._is_avx512_bf16_supported():
        pytest.skip("NOT TESTED: this processor multiplies no bf16")
    shape, state = make_model()
    monkeypatch.setattr(compiled, "has_tiles", lambda: True)
    assert ModelRunner(shape, state, num_slots=1, weights="bf16")._compiled is None


def test_the_cache_is_8_bits_by_itself_only_where_kernels_can_read_it():
    like = torch.zeros(1)
    assert choose_cache("auto", like, 64, uses_kernels=True) == ("int8" if load_kernels() else "float")
    assert choose_cache("auto", like, 64, uses_kernels=False) == "float"
    assert choose_cache("auto", like, 48, uses_kernels=True) == "float"
    assert choose_cache("auto", like.bfloat16(), 64, uses_kernels=True) == "float"
    assert choose_cache("float", like, 64, uses_kernels=True) == "float"


@needs_compiler
@pytest.mark.parametrize("processor", ["x86-64", "haswell", "skylake-avx512", "cascadelake", "cooperlake", "znver4"])
def test_the_kernels_compile_for_older_and_newer_processors(tmp_path, processor):
    if platform.machine() != "x86_64":
        pytest.skip("NOT TESTED: another family of processors")
    flags = [flag for flag in kernels._FLAGS if flag not in ("-march=native", "-O3")]
    command = [
        "g++",
        "-O0",
        *flags,
        "-w",
        f"-march={processor}",
        str(kernels._SOURCE),
        "-o",
        str(tmp_path / "kernels.so"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "bad value" in done.stderr:
        pytest.skip(f"NOT TESTED: this compiler doesn't know {processor}")
    assert done.returncode == 0, done.stderr
