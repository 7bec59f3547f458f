"""Owns loading and saving of checkpoints: Hugging Face folders of a GPT-2 and its tokenizer.

Knows no Django and no training. Which checkpoint is in use is the caller's business.
"""

from __future__ import annotations

import copy
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoTokenizer, GPT2LMHeadModel, PreTrainedTokenizerBase

from chatbot.language_model.prompt_format import PromptFormat, prompt_format_for

WEIGHT_PATTERNS = ("*.safetensors", "pytorch_model*.bin")


class CheckpointError(Exception):
    """A checkpoint can't be used; the message says what to do about it. Trying again won't help."""


@dataclass(frozen=True)
class Checkpoint:
    """A model in evaluation mode with what is needed to talk to it.

    `version` names the weights: the folder's name and eight digits of a hash of weights and configuration. `path` is
    the folder, or the hub id as given.
    """

    model: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerBase
    prompt_format: PromptFormat
    version: str
    path: str

    @property
    def num_positions(self) -> int:
        """The longest prompt and reply together, in tokens."""
        return int(self.model.config.n_positions)


def load_checkpoint(name_or_path: str, *, device: str = "cpu", dtype: torch.dtype | None = None) -> Checkpoint:
    """Load a folder or a hub id, in `dtype` or the one that suits the device. Raises `CheckpointError`.

    Loading twice gives two models. Without a network set `HF_HUB_OFFLINE=1`, or a hub id waits for its timeout.
    """
    _check_exists(name_or_path)
    _check_is_gpt2(name_or_path)
    model: GPT2LMHeadModel = nn.Module.to(_load_model(name_or_path, dtype or best_dtype(device)), device)
    tokenizer = _load_tokenizer(name_or_path)
    if len(tokenizer) > model.config.vocab_size:
        raise CheckpointError(
            f"{name_or_path}: the tokenizer has {len(tokenizer)} tokens but the model only {model.config.vocab_size}. "
            "The two come from different trainings; copy the whole folder again."
        )
    model.train(False)
    return Checkpoint(model, tokenizer, prompt_format_for(tokenizer), _version(name_or_path, model), name_or_path)


def save_checkpoint(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a standard Hugging Face folder with the weights in float16; other files in the folder stay.

    Half of float32's size; float16 keeps three more bits than bfloat16, and no weight comes near its range.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half: GPT2LMHeadModel = nn.Module.half(nn.Module.cpu(copy.deepcopy(model)))
    half.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes 0600, which a service under another user can't read


def best_dtype(device: str) -> torch.dtype:
    """Return the dtype to compute in: bfloat16 where the hardware multiplies it natively, else float32.

    On a processor without AVX512-BF16 or AMX a bfloat16 product was measured at a two-hundredth of float32's speed.
    """
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    if device.startswith("cpu") and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return torch.bfloat16
    return torch.float32


def _check_exists(name_or_path: str) -> None:
    path = Path(name_or_path)
    looks_like_path = path.is_absolute() or name_or_path.startswith((".", "~")) or name_or_path.count("/") > 1
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise CheckpointError(f"{path} has no config.json. Point to a Hugging Face model folder.")
        if not any(found for pattern in WEIGHT_PATTERNS for found in path.glob(pattern)):
            raise CheckpointError(f"{path} has no weights (model.safetensors). Copy the whole folder again.")
    elif looks_like_path:
        raise CheckpointError(
            f"The checkpoint folder {path} does not exist. Check the path, or name a hub id like gpt2."
        )


def _check_is_gpt2(name_or_path: str) -> None:
    try:
        config = AutoConfig.from_pretrained(name_or_path)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(_explain_failure(name_or_path)) from error
    if config.model_type != "gpt2":
        raise CheckpointError(
            f"{name_or_path} is a {config.model_type} model, but the built-in engine runs GPT-2 only. "
            "Choose a GPT-2 checkpoint, or serve this model behind an OpenAI-compatible server."
        )


def _load_model(name_or_path: str, dtype: torch.dtype) -> GPT2LMHeadModel:
    try:
        load: Any = GPT2LMHeadModel.from_pretrained
        model, report = load(name_or_path, dtype=dtype, output_loading_info=True)
    except Exception as error:  # safetensors, pickle and the hub raise errors of many unrelated classes
        raise CheckpointError(_explain_failure(name_or_path)) from error
    missing = sorted(report["missing_keys"])
    if missing:
        raise CheckpointError(
            f"{name_or_path}: the weights lack {missing[0]} and {len(missing) - 1} more. Copy the whole folder again."
        )
    loaded: GPT2LMHeadModel = model
    return loaded


def _load_tokenizer(name_or_path: str) -> PreTrainedTokenizerBase:
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(name_or_path)
    except Exception as error:  # as above
        raise CheckpointError(
            f"{name_or_path}: the tokenizer can't be read ({error}). Copy the whole folder again."
        ) from error
    return tokenizer


def _explain_failure(name_or_path: str) -> str:
    if Path(name_or_path).is_dir():
        return f"{name_or_path} is damaged: its config.json or weights can't be read. Copy the whole folder again."
    if os.environ.get("HF_HUB_OFFLINE") == "1":
        return (
            f"{name_or_path} is not a folder and not in the local hub cache, and HF_HUB_OFFLINE=1 forbids a download. "
            "Unset it once to download, or give a folder."
        )
    return f"{name_or_path} can't be loaded from the hub. Check the name and the network, or give a folder."


def _version(name_or_path: str, model: GPT2LMHeadModel) -> str:
    path = Path(name_or_path)
    name = (path.resolve().name if path.is_dir() else name_or_path.replace("/", "--")) or "checkpoint"
    if not path.is_dir():
        return f"{name}-{str(getattr(model.config, '_commit_hash', None) or 'unknown')[:8]}"
    digest = hashlib.sha256((path / "config.json").read_bytes())
    files = {found for pattern in WEIGHT_PATTERNS for found in path.glob(pattern)}
    for file in sorted(files):
        with file.open("rb") as weights:
            while block := weights.read(1 << 20):
                digest.update(block)
    return f"{name}-{digest.hexdigest()[:8]}"
