import json

import pytest
import torch

from chatbot.language_model.checkpoints import CheckpointError, best_dtype, load_checkpoint, save_checkpoint
from chatbot.language_model.generation import continue_prompt, continue_text
from chatbot.language_model.prompt_format import SpecialTokenFormat, Turn
from tests.chatbot.language_model.tiny import tiny_checkpoint_folder, tiny_model, tiny_tokenizer


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def folder(tmp_path):
    return tiny_checkpoint_folder(tmp_path / "tiny")


def test_a_saved_checkpoint_is_loaded_ready_for_use(folder):
    checkpoint = load_checkpoint(str(folder))
    assert not checkpoint.model.training
    assert checkpoint.model.dtype == best_dtype("cpu")
    assert isinstance(checkpoint.prompt_format, SpecialTokenFormat)
    assert checkpoint.path == str(folder)
    assert checkpoint.num_positions == 128


def test_weights_are_stored_in_two_bytes_and_read_by_everyone(folder):
    weights = folder / "model.safetensors"
    num_parameters = sum(p.numel() for p in tiny_model(tiny_tokenizer()).parameters())
    assert weights.stat().st_size < num_parameters * 2 + 20_000
    assert weights.stat().st_mode & 0o044


def test_the_version_names_the_folder_and_changes_with_the_weights(folder):
    before = load_checkpoint(str(folder)).version
    assert before.startswith("tiny-")
    assert load_checkpoint(str(folder)).version == before
    tokenizer = tiny_tokenizer()
    save_checkpoint(tiny_model(tokenizer, seed=1), tokenizer, folder)
    assert load_checkpoint(str(folder)).version != before


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(CheckpointError, match="does not exist"):
        load_checkpoint(str(tmp_path / "nowhere"))


def test_an_empty_folder_is_no_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_checkpoint(str(tmp_path))


def test_a_folder_without_weights_is_no_checkpoint(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        load_checkpoint(str(folder))


def test_a_hub_id_without_a_network_says_so():
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE"):
        load_checkpoint("some-owner/no-such-model")


def test_another_kind_of_model_is_refused_with_a_way_out(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))
    with pytest.raises(CheckpointError, match="llama model"):
        load_checkpoint(str(folder))


@pytest.mark.parametrize("content", [b"", b"not weights at all" * 10])
def test_damaged_weights_are_refused(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="Copy the whole folder again"):
        load_checkpoint(str(folder))


def test_weights_that_lack_a_layer_are_refused(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"n_layer": 3}))
    with pytest.raises(CheckpointError, match="lack"):
        load_checkpoint(str(folder))


def test_a_damaged_config_is_refused(folder):
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="damaged"):
        load_checkpoint(str(folder))


def test_generation_repeats_by_seed_and_keeps_to_its_length(folder):
    checkpoint = load_checkpoint(str(folder))
    first = continue_text(checkpoint, "退款", max_length=20, num_return_sequences=2, seed=3)
    assert first == continue_text(checkpoint, "退款", max_length=20, num_return_sequences=2, seed=3)
    assert len(first) == 2
    assert all(text.startswith("退款") for text in first)
    assert all(len(checkpoint.tokenizer.encode(text)) <= 20 for text in first)


def test_generation_ends_where_the_model_has_no_more_positions(folder):
    checkpoint = load_checkpoint(str(folder))
    prompt = checkpoint.prompt_format.reply_prompt([Turn("customer", "refund " * 60)])[:120]
    assert len(continue_prompt(checkpoint, prompt, max_new_tokens=100)) <= 8


def test_a_processor_without_fast_bfloat16_computes_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert best_dtype("cpu") is torch.float32
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert best_dtype("cpu") is torch.bfloat16
