"""Checkpoints for the measurements: reads a Hugging Face folder without transformers, makes a random GPT-2 124M."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor

from chatbot.engine.shape import ModelShape

RANDOM_124M = "gpt2-124m-random"
_WIDTH, _LAYERS, _HEADS, _POSITIONS, _VOCABULARY = 768, 12, 12, 1024, 50257


def read_model(folder: Path) -> tuple[ModelShape, dict[str, Tensor]]:
    """The shape and the weights as float32."""
    config = json.loads((folder / "config.json").read_text())
    shape = ModelShape(
        num_layers=config["n_layer"],
        num_heads=config["n_head"],
        width=config["n_embd"],
        context_length=config["n_positions"],
        layer_norm_epsilon=config["layer_norm_epsilon"],
        activation=config["activation_function"],
    )
    return shape, {name: tensor.float() for name, tensor in load_file(folder / "model.safetensors").items()}


def vocabulary_of(state: dict[str, Tensor]) -> int:
    """How many tokens there are."""
    return len(state.get("transformer.wte.weight", state.get("wte.weight", [])))


def find_model(name: str, work: Path) -> Path:
    """The folder `name`, or for `gpt2-124m-random` one that is made under `work` and kept. Raises SystemExit."""
    if name == RANDOM_124M:
        return _random_124m(work / RANDOM_124M)
    folder = Path(name)
    if not (folder / "model.safetensors").is_file():
        raise SystemExit(f"{folder} has no model.safetensors: give a Hugging Face folder, or {RANDOM_124M}")
    return folder


def _random_124m(folder: Path) -> Path:
    """GPT-2's shape (Radford et al. 2019) with its initialisation: speed doesn't depend on what the weights say."""
    if (folder / "config.json").is_file():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder)
    save_file(_random_weights(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps(_config()))  # last: a folder with it is complete
    return folder


def _write_tokenizer(folder: Path) -> None:
    """A name for each id: the peers' converters ask for one, no text is ever made of it."""
    words = {f"t{number}": number for number in range(_VOCABULARY)}
    Tokenizer(WordLevel(words, unk_token="t0")).save(str(folder / "tokenizer.json"))
    names = {"bos_token": "t0", "eos_token": "t0", "unk_token": "t0"}
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **names}))


def _config() -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "n_embd": _WIDTH,
        "n_layer": _LAYERS,
        "n_head": _HEADS,
        "n_positions": _POSITIONS,
        "n_ctx": _POSITIONS,
        "vocab_size": _VOCABULARY,
        "layer_norm_epsilon": 1e-5,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }


def _random_weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)

    def noise(*shape: int) -> Tensor:
        return torch.empty(shape).normal_(0, 0.02, generator=generator)

    weights = {"wte.weight": noise(_VOCABULARY, _WIDTH), "wpe.weight": noise(_POSITIONS, _WIDTH)}
    products = {"attn.c_attn": (1, 3), "attn.c_proj": (1, 1), "mlp.c_fc": (1, 4), "mlp.c_proj": (4, 1)}
    norms = ["ln_f"]
    for layer in range(_LAYERS):
        norms += [f"h.{layer}.ln_1", f"h.{layer}.ln_2"]
        for name, (inputs, outputs) in products.items():
            weights[f"h.{layer}.{name}.weight"] = noise(inputs * _WIDTH, outputs * _WIDTH)
            weights[f"h.{layer}.{name}.bias"] = torch.zeros(outputs * _WIDTH)
    for name in norms:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = torch.ones(_WIDTH), torch.zeros(_WIDTH)
    return {f"transformer.{name}": tensor for name, tensor in weights.items()}
