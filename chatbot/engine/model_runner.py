"""GPT-2's forward pass in plain torch over a slotted key/value cache.

The architecture is that of Radford et al. 2019 ("Language Models are Unsupervised Multitask Learners") with the
parameter names of the Hugging Face checkpoint, so that any GPT-2 state dict fits.

One pass takes a token for each decoding request and a piece of a prompt for each request that is still being read,
so that the weights are read once for all of them. Decoding requests hold the first slots: their attention reads the
cache as a slice, without copying.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from chatbot.engine.linear import Product, make_product
from chatbot.engine.memory import lazy_zeros, release_pages


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

    def cache_bytes_per_token(self, bytes_per_number: int = 4) -> int:
        return 2 * self.num_layers * self.width * bytes_per_number


@dataclass(frozen=True)
class Chunk:
    """A piece of a prompt: `token_ids` go to positions `start`, `start` + 1, … of a slot that holds what is before."""

    slot: int
    start: int
    token_ids: Sequence[int]


class ModelRunner:
    """Holds weights and cache. Use from one thread only."""

    def __init__(
        self, shape: ModelShape, state: Mapping[str, Tensor], *, num_slots: int, weights: str = "float"
    ) -> None:
        """`state`: a GPT-2 state dict, with or without the `transformer.` prefix; one dtype, one device.

        `weights`: how they are kept, `float` or `int8` (see `linear`).
        """
        self.shape = shape
        self._state = {name.removeprefix("transformer."): tensor for name, tensor in state.items()}
        self._embedding = self._state["wte.weight"]  # (V, C), tied with the output layer
        self._products = self._make_products(weights)
        cache_shape = (shape.num_layers, num_slots, shape.num_heads, shape.context_length, shape.head_dim)
        self._keys = lazy_zeros(cache_shape, self._embedding)
        self._values = lazy_zeros(cache_shape, self._embedding)

    def _make_products(self, weights: str) -> dict[str, Product]:
        names = [
            name.removesuffix(".weight") for name in self._state if name.endswith(("c_attn.weight", "c_fc.weight"))
        ]
        names += [name.removesuffix(".weight") for name in self._state if name.endswith("c_proj.weight")]
        products = {
            name: make_product(self._state[f"{name}.weight"], self._state[f"{name}.bias"], weights=weights)
            for name in names
        }
        output = self._state.get("lm_head.weight", self._embedding)
        return products | {"lm_head": make_product(output.t(), None, weights=weights)}

    @torch.inference_mode()
    def run(
        self, token_ids: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]
    ) -> tuple[Tensor, list[Tensor]]:
        """One step: the token after `lengths` cached ones for each of the first B slots, and pieces of prompts.

        Returns the logits (B, V) of the decoding slots and (V,) after each chunk's last token, as float32.
        """
        batch = len(token_ids)
        device = self._embedding.device
        ids = [*token_ids, *(token_id for chunk in chunks for token_id in chunk.token_ids)]
        at = [*lengths, *(chunk.start + n for chunk in chunks for n in range(len(chunk.token_ids)))]
        positions = torch.tensor(at, device=device)
        hidden = self._embedding[torch.tensor(ids, device=device)] + self._state["wpe.weight"][positions]  # (N, C)
        masks = [_causal_mask(chunk, device) for chunk in chunks]
        is_visible = torch.arange(max(lengths, default=0) + 1, device=device) <= positions[:batch, None]  # (B, T)
        for layer in range(self.shape.num_layers):
            query, key, value = self._project(layer, hidden)  # (N, H, D) each
            parts = []
            if batch:
                parts.append(self._attend_decoding(layer, query[:batch], key, value, positions[:batch], is_visible))
            begin = batch
            for chunk, mask in zip(chunks, masks, strict=True):
                rows = slice(begin, begin + len(chunk.token_ids))
                parts.append(self._attend_chunk(layer, chunk, query[rows], key[rows], value[rows], mask))
                begin = rows.stop
            hidden = self._finish_block(layer, hidden, torch.cat(parts))
        ends = torch.tensor([len(chunk.token_ids) for chunk in chunks], dtype=torch.long).cumsum(0) + batch - 1
        kept = torch.cat([torch.arange(batch), ends]).to(device)
        logits = self._products["lm_head"](self._layer_norm("ln_f", hidden[kept])).float()
        return logits[:batch], list(logits[batch:])

    def _attend_decoding(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, positions: Tensor, is_visible: Tensor
    ) -> Tensor:
        batch, longest = is_visible.shape
        slots = torch.arange(batch, device=query.device)
        self._keys[layer, slots, :, positions] = key[:batch]
        self._values[layer, slots, :, positions] = value[:batch]
        attended = F.scaled_dot_product_attention(
            query[:, :, None],  # (B, H, 1, D)
            self._keys[layer, :batch, :, :longest],
            self._values[layer, :batch, :, :longest],
            attn_mask=is_visible[:, None, None],
        )
        return attended.reshape(batch, -1)

    def _attend_chunk(
        self, layer: int, chunk: Chunk, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None
    ) -> Tensor:
        num_tokens, end = len(query), chunk.start + len(query)
        self._keys[layer, chunk.slot, :, chunk.start : end] = key.transpose(0, 1)
        self._values[layer, chunk.slot, :, chunk.start : end] = value.transpose(0, 1)
        attended = F.scaled_dot_product_attention(
            query.transpose(0, 1)[None],  # (1, H, T, D)
            self._keys[layer, chunk.slot, :, :end][None],
            self._values[layer, chunk.slot, :, :end][None],
            attn_mask=mask,
            is_causal=mask is None,
        )
        return attended[0].transpose(0, 1).reshape(num_tokens, -1)

    def swap_slots(self, one: int, other: int, length: int) -> None:
        """Exchanges the first `length` tokens of two slots."""
        for cache in (self._keys, self._values):
            held = cache[:, one, :, :length].clone()
            cache[:, one, :, :length] = cache[:, other, :, :length]
            cache[:, other, :, :length] = held

    def copy_slot(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` cached tokens of one slot into another."""
        for cache in (self._keys, self._values):
            cache[:, target, :, :length] = cache[:, source, :, :length]

    def free_slot(self, slot: int) -> None:
        """Gives a slot's memory back to the system, where it came from there page by page (see `memory`)."""
        for cache in (self._keys, self._values):
            for layer in range(self.shape.num_layers):
                release_pages(cache[layer, slot])

    def _project(self, layer: int, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        joined = self._products[f"h.{layer}.attn.c_attn"](self._layer_norm(f"h.{layer}.ln_1", hidden))  # (N, 3C)
        query, key, value = joined.view(len(hidden), 3, self.shape.num_heads, self.shape.head_dim).unbind(1)
        return query, key, value

    def _finish_block(self, layer: int, hidden: Tensor, attended: Tensor) -> Tensor:
        hidden = hidden + self._products[f"h.{layer}.attn.c_proj"](attended)
        inner = self._products[f"h.{layer}.mlp.c_fc"](self._layer_norm(f"h.{layer}.ln_2", hidden))
        # gelu_new and gelu_pytorch_tanh are the same function (Hendrycks & Gimpel 2016, tanh form)
        inner = F.gelu(inner, approximate="none" if self.shape.activation == "gelu" else "tanh")
        return hidden + self._products[f"h.{layer}.mlp.c_proj"](inner)

    def _layer_norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = self._state[f"{name}.weight"], self._state[f"{name}.bias"]
        return F.layer_norm(hidden, (self.shape.width,), weight, bias, self.shape.layer_norm_epsilon)


def _causal_mask(chunk: Chunk, device: torch.device) -> Tensor | None:
    """(T, start + T): a token sees what is cached before its chunk and the chunk up to itself. None: plain causal."""
    if chunk.start == 0:
        return None
    end = chunk.start + len(chunk.token_ids)
    return torch.arange(end, device=device) <= torch.arange(chunk.start, end, device=device)[:, None]
