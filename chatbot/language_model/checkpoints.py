"""Owns loading and saving of checkpoints: Hugging Face model folders. Knows no Django and no training."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel, PreTrainedTokenizerBase


def best_dtype(device: str) -> torch.dtype:
    """Return the dtype to compute in: bfloat16 where the hardware multiplies it natively, else float32.

    On a processor without AVX512-BF16 or AMX a bfloat16 product is two hundred times slower than a float32 one.
    """
    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if device.startswith("cpu") and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return torch.bfloat16
    return torch.float32


def save_checkpoint(model: GPT2LMHeadModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a standard Hugging Face folder with the weights in float16; other files in the folder stay.

    Half of float32's size; float16 keeps three more bits than bfloat16, and no weight comes near its range.
    """
    folder.mkdir(parents=True, exist_ok=True)
    half = copy.deepcopy(model).to("cpu").half()
    half.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
