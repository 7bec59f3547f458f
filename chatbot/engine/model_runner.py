"""GPT-2's forward pass in plain torch over a slotted key/value cache.

The architecture is that of Radford et al. 2019 ("Language Models are Unsupervised Multitask Learners") with the
parameter names of the Hugging Face checkpoint, so that any GPT-2 state dict fits.

Active requests always hold the first slots (0 .. batch-1): attention reads the cache as a slice, without copying.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_CLEAR_STEP = 128


@dataclass(frozen=True)
class ModelShape:
    """The numbers of a GPT-2's configuration that the forward pass needs."""

    num_layers: int
    num_heads: int
    width: int
    context_length: int
    layer_norm_epsilon: float = 1e-5
    activation: str = "gelu_new"

    @property
    def head_dim(self) -> int:
        return self.width // self.num_heads


class ModelRunner:
    """Holds weights and cache. Use from one thread only."""

    def __init__(self, shape: ModelShape, weights: Mapping[str, Tensor], *, num_slots: int) -> None:
        """`weights`: a GPT-2 state dict, with or without the `transformer.` prefix; one dtype, one device."""
        self.shape = shape
        self._weights = {name.removeprefix("transformer."): tensor for name, tensor in weights.items()}
        self._embedding = self._weights["wte.weight"]  # (V, C), tied with the output layer
        self._output = self._weights.get("lm_head.weight", self._embedding)
        cache_shape = (shape.num_layers, num_slots, shape.num_heads, shape.context_length, shape.head_dim)
        # not zeros: the pages of positions that no conversation reaches are never touched
        self._keys = torch.empty(cache_shape, dtype=self._embedding.dtype, device=self._embedding.device)
        self._values = torch.empty_like(self._keys)
        self._num_cleared = 0

    @torch.inference_mode()
    def prefill(self, slot: int, token_ids: Sequence[int]) -> Tensor:
        """Runs a whole prompt into an empty slot. Returns the logits (V,) after its last token."""
        num_tokens = len(token_ids)
        self._clear_up_to(num_tokens)
        positions = torch.arange(num_tokens, device=self._embedding.device)
        hidden = self._embed(torch.tensor(token_ids, device=self._embedding.device), positions)  # (T, C)
        for layer in range(self.shape.num_layers):
            query, key, value = self._project(layer, hidden)  # (H, T, D) each
            self._keys[layer, slot, :, :num_tokens] = key
            self._values[layer, slot, :, :num_tokens] = value
            attended = F.scaled_dot_product_attention(query[None], key[None], value[None], is_causal=True)[0]
            hidden = self._finish_block(layer, hidden, attended.transpose(0, 1).reshape(num_tokens, -1))
        return self._logits(hidden[-1:])[0]

    @torch.inference_mode()
    def decode(self, token_ids: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """One token for each of the first B slots. `lengths`: tokens cached before it. Returns logits (B, V)."""
        batch = len(token_ids)
        positions = torch.tensor(lengths, device=self._embedding.device)  # (B,)
        slots = torch.arange(batch, device=self._embedding.device)
        longest = max(lengths) + 1
        self._clear_up_to(longest)
        is_visible = (torch.arange(longest, device=positions.device) <= positions[:, None])[:, None, None]  # (B,1,1,T)
        hidden = self._embed(torch.tensor(token_ids, device=self._embedding.device), positions)  # (B, C)
        for layer in range(self.shape.num_layers):
            query, key, value = self._project(layer, hidden)  # (H, B, D) each
            self._keys[layer, slots, :, positions] = key.transpose(0, 1)
            self._values[layer, slots, :, positions] = value.transpose(0, 1)
            attended = F.scaled_dot_product_attention(
                query.transpose(0, 1)[:, :, None],  # (B, H, 1, D)
                self._keys[layer, :batch, :, :longest],
                self._values[layer, :batch, :, :longest],
                attn_mask=is_visible,
            )
            hidden = self._finish_block(layer, hidden, attended.reshape(batch, -1))
        return self._logits(hidden)

    def move_slot(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` cached tokens of one slot into another."""
        self._keys[:, target, :, :length] = self._keys[:, source, :, :length]
        self._values[:, target, :, :length] = self._values[:, source, :, :length]

    def _clear_up_to(self, num_positions: int) -> None:
        """Zeroes positions before their first use: a NaN left in memory would pass through the mask (0 x NaN)."""
        if num_positions > self._num_cleared:
            start, self._num_cleared = self._num_cleared, -(-num_positions // _CLEAR_STEP) * _CLEAR_STEP
            self._keys[:, :, :, start : self._num_cleared] = 0
            self._values[:, :, :, start : self._num_cleared] = 0

    def _embed(self, token_ids: Tensor, positions: Tensor) -> Tensor:
        return self._embedding[token_ids] + self._weights["wpe.weight"][positions]

    def _project(self, layer: int, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        normed = self._layer_norm(f"h.{layer}.ln_1", hidden)
        joined = self._linear(f"h.{layer}.attn.c_attn", normed)  # (T, 3C)
        query, key, value = joined.view(len(hidden), 3, self.shape.num_heads, self.shape.head_dim).permute(1, 2, 0, 3)
        return query, key, value

    def _finish_block(self, layer: int, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + self._linear(f"h.{layer}.attn.c_proj", attended)
        inner = self._linear(f"h.{layer}.mlp.c_fc", self._layer_norm(f"h.{layer}.ln_2", hidden))
        return hidden + self._linear(f"h.{layer}.mlp.c_proj", self._activate(inner))

    def _activate(self, inner: Tensor) -> Tensor:
        # gelu_new and gelu_pytorch_tanh are the same function (Hendrycks & Gimpel 2016, tanh form)
        return F.gelu(inner, approximate="none" if self.shape.activation == "gelu" else "tanh")

    def _linear(self, name: str, inputs: Tensor) -> Tensor:
        return torch.addmm(self._weights[f"{name}.bias"], inputs, self._weights[f"{name}.weight"])  # Conv1D: (in, out)

    def _layer_norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return F.layer_norm(hidden, (self.shape.width,), weight, bias, self.shape.layer_norm_epsilon)

    def _logits(self, hidden: Tensor) -> Tensor:
        return (self._layer_norm("ln_f", hidden) @ self._output.T).float()
