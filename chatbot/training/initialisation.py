"""Owns the first weights of a model that will see few tokens.

A small budget of tokens is not enough for a GPT-2 to discover how to copy, so the circuit that copies is wired in
before training starts, and training refines it. Three parts, each measured in docs/experiments.md:

1. Token embeddings from co-occurrence counts: positive pointwise mutual information, factorised by a truncated
   singular value decomposition (Levy and Goldberg 2014, "Neural word embedding as implicit matrix factorization").
2. Unigram frequencies in one dimension of the embedding, read by the bias of the last layer norm.
3. An induction circuit (Olsson et al. 2022, "In-context learning and induction heads"): a head of the first layer
   that looks at the previous token, and heads of the second layer that find where the present token stood before and
   write what followed it.

All other weights are drawn as GPT-2's are. The result is an ordinary `GPT2LMHeadModel`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import GPT2Config, GPT2LMHeadModel


@dataclass(frozen=True)
class ModelSize:
    """The shape of a model; the default has 27.4 million parameters with 16,000 tokens."""

    num_layers: int = 6
    width: int = 512
    num_heads: int = 8
    num_positions: int = 1024


def new_model(size: ModelSize, *, vocabulary_size: int, end_of_text_id: int, pad_id: int, seed: int) -> GPT2LMHeadModel:
    """Return a GPT-2 with random weights: no dropout (few passes over the data), the fused GELU."""
    torch.manual_seed(seed)
    config = GPT2Config(
        vocab_size=vocabulary_size,
        n_positions=size.num_positions,
        n_embd=size.width,
        n_layer=size.num_layers,
        n_head=size.num_heads,
        activation_function="gelu_pytorch_tanh",
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=end_of_text_id,
        eos_token_id=end_of_text_id,
        pad_token_id=pad_id,
    )
    return GPT2LMHeadModel(config)


def token_embeddings(
    stream: npt.NDArray[np.int64], *, vocabulary_size: int, width: int, window: int = 4, seed: int = 0
) -> Tensor:
    """Return rows of length one, (vocabulary_size, width), for a stream of token ids.

    Counts every pair at most `window` tokens apart, near pairs more; tokens that were never seen get a random row.
    """
    counts = np.zeros(vocabulary_size * vocabulary_size, dtype=np.float32)
    for distance in range(1, window + 1):
        codes, found = np.unique(stream[:-distance] * vocabulary_size + stream[distance:], return_counts=True)
        counts[codes] += found.astype(np.float32) / distance
    table = torch.from_numpy(counts).view(vocabulary_size, vocabulary_size)
    table = table + table.T  # (V, V)
    marginal = table.sum(0)
    smoothed = marginal**0.75  # context smoothing, Levy, Goldberg and Dagan 2015, section 3.1
    smoothed = smoothed / smoothed.sum()
    expected = marginal[:, None] * smoothed[None, :]
    table = torch.log((table / expected.clamp_min(1e-9)).clamp_min(1.0))
    torch.manual_seed(seed)
    left, values, _ = torch.svd_lowrank(table, q=width + 8, niter=2)
    rows = left[:, :width] * values[:width].sqrt()
    rows = rows - rows.mean(0)
    rows = torch.where(marginal[:, None] > 0, rows, torch.randn_like(rows) * rows.std())
    unit_rows: Tensor = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return unit_rows


@torch.no_grad()
def wire_first_weights(gpt2: GPT2LMHeadModel, stream: npt.NDArray[np.int64], *, seed: int) -> None:
    """Set the embeddings, the unigram dimension and the induction circuit of a fresh model (in place).

    Uses one head's width of dimensions for positions, one for "the token before this one", one dimension for
    frequencies, and all others for tokens. `stream`: token ids of the training data, as many as there are.
    """
    model: Any = gpt2  # transformers' blocks have no types
    config = model.config
    width, head = config.n_embd, config.n_embd // config.n_head
    content, position = slice(0, width - 2 * head - 1), slice(width - 2 * head, width - head)
    previous, unigram = slice(width - head, width), width - 2 * head - 1
    num_content = width - 2 * head - 1
    generator = torch.Generator().manual_seed(seed)

    embeddings = token_embeddings(stream, vocabulary_size=config.vocab_size, width=num_content, seed=seed)
    tokens = torch.zeros(config.vocab_size, width)
    tokens[:, content] = 0.5 * embeddings
    counts = torch.from_numpy(np.bincount(stream, minlength=config.vocab_size)).float() + 0.3
    log_frequency = torch.log(counts / counts.sum())
    tokens[:, unigram] = 0.05 * (log_frequency - log_frequency.mean())
    model.transformer.wte.weight.copy_(tokens)
    model.transformer.ln_f.bias[unigram] = 1 / 0.05

    sinusoids, one_back = _sinusoids(config.n_positions, head, generator)
    model.transformer.wpe.weight.zero_()
    model.transformer.wpe.weight[:, position] = 0.5 * sinusoids

    for block in model.transformer.h:  # quiet blocks at first: their noise would hide the circuit
        block.attn.c_proj.weight.mul_(0.1)
        block.mlp.c_proj.weight.mul_(0.1)
    random_rows = torch.randn(num_content, head, generator=generator)
    key = torch.linalg.qr(random_rows).Q  # (content, head): what of a token is used to find it again
    first, second = model.transformer.h[0].attn, model.transformer.h[1].attn
    first.c_attn.weight[:, _head_columns(0, head, width, "qkv")] = 0.0
    first.c_attn.weight[position, _head_columns(0, head, width, "q")] = 0.8 * one_back
    first.c_attn.weight[position, _head_columns(0, head, width, "k")] = 0.8 * torch.eye(head)
    first.c_attn.weight[content, _head_columns(0, head, width, "v")] = key
    first.c_proj.weight[:head, :] = 0.0
    first.c_proj.weight[:head, previous] = 0.08 * torch.eye(head)
    for number in range(min(config.n_head, math.ceil(num_content / head))):
        part = torch.zeros(width, head)
        used = min(head, num_content - number * head)
        part[number * head : number * head + used, :used] = torch.eye(used)
        second.c_attn.weight[:, _head_columns(number, head, width, "qkv")] = 0.0
        second.c_attn.weight[content, _head_columns(number, head, width, "q")] = 2.0 * key
        second.c_attn.weight[previous, _head_columns(number, head, width, "k")] = 2.0 * torch.eye(head)
        second.c_attn.weight[:, _head_columns(number, head, width, "v")] = part
        second.c_proj.weight[number * head : (number + 1) * head, :] = 0.15 * part.T


def _sinusoids(num_positions: int, head: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return unit rows (num_positions, head) and the rotation that turns position i into i - 1."""
    pairs = head // 2
    low = torch.logspace(math.log10(0.004), math.log10(0.3), pairs // 4)
    fast = 0.3 + (math.pi - 0.4) * torch.rand(pairs - len(low), generator=generator)
    frequencies = torch.cat([low, fast])
    angles = torch.arange(num_positions)[:, None] * frequencies[None, :]
    rows = torch.cat([angles.cos(), angles.sin()], dim=1) / math.sqrt(pairs)
    cos, sin = torch.diag(frequencies.cos()), torch.diag(frequencies.sin())
    one_back = torch.cat([torch.cat([cos, -sin], dim=1), torch.cat([sin, cos], dim=1)], dim=0)  # row vectors: x @ it
    return rows, one_back


def _head_columns(head_number: int, head: int, width: int, which: str) -> Tensor:
    """Return the columns of `c_attn` that belong to a head's queries, keys and values."""
    blocks = [offset for letter, offset in (("q", 0), ("k", width), ("v", 2 * width)) if letter in which]
    return torch.cat([torch.arange(block + head_number * head, block + (head_number + 1) * head) for block in blocks])
