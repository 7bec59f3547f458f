"""The keys and values of every slot, and attention over them. Float as the model's own numbers, or in 8 bits.

Slots are whole contexts; on the CPU their memory is taken as it is written (see `memory`). Decoding requests hold the
first slots. The compiled kernels read each where it lies and to its own length, so there slots change places by name
only; torch reads a slice up to the longest without copying, and there their numbers are moved.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from chatbot.engine.kernels import HEAD_SIZES, Kernels, load_kernels
from chatbot.engine.memory import lazy_zeros, release_pages


@dataclass(frozen=True)
class Chunk:
    """A piece of a prompt: `token_ids` go to positions `start`, `start` + 1, … of a slot that holds what is before."""

    slot: int
    start: int
    token_ids: Sequence[int]


class FloatCache:
    """(L, slots, H, T, D) twice, in the model's dtype and on its device."""

    def __init__(self, shape: tuple[int, ...], like: Tensor, kernels: Kernels | None) -> None:
        self._keys, self._values = lazy_zeros(shape, like), lazy_zeros(shape, like)
        is_fit = like.device.type == "cpu" and like.dtype == torch.float32 and shape[-1] in HEAD_SIZES
        self._kernels = kernels if is_fit else None
        self._places = list(range(shape[1]))

    def place(self, slot: int) -> int:
        """Where the tokens of a slot lie in the tensors."""
        return self._places[slot]

    def attend_decoding(
        self, layer: int, qkv: Tensor, positions: Tensor, is_visible: Tensor, writes_to: Tensor | None = None
    ) -> Tensor:
        """One token of each of the first B slots. `qkv`: (B, 3, H, D); `is_visible`: (B, longest). -> (B, C)

        `writes_to`: (B,), other slots to write the token to, for rows that only fill up a batch.
        """
        if self._kernels:
            slots = torch.tensor(self._places[: len(qkv)])
            return self._kernels.attend(qkv, self._keys[layer], self._values[layer], positions, slots)
        batch, longest = is_visible.shape
        slots = torch.arange(batch, device=qkv.device) if writes_to is None else writes_to
        query, key, value = qkv.unbind(1)
        self._keys[layer, slots, :, positions] = key
        self._values[layer, slots, :, positions] = value
        attended = F.scaled_dot_product_attention(
            query[:, :, None],  # (B, H, 1, D)
            self._keys[layer, :batch, :, :longest],
            self._values[layer, :batch, :, :longest],
            attn_mask=is_visible[:, None, None],
        )
        return attended.reshape(batch, -1)

    def attend_chunk(self, layer: int, chunk: Chunk, qkv: Tensor, mask: Tensor | None) -> Tensor:
        """A piece of a prompt. `qkv`: (N, 3, H, D); `mask`: see `causal_mask`. -> (N, C)"""
        place, end = self._places[chunk.slot], chunk.start + len(qkv)
        query, key, value = qkv.transpose(0, 2).unbind(1)  # (H, N, D)
        self._keys[layer, place, :, chunk.start : end] = key
        self._values[layer, place, :, chunk.start : end] = value
        return _attend(query, self._keys[layer, place, :, :end], self._values[layer, place, :, :end], mask)

    def tensors(self) -> tuple[Tensor, ...]:
        """All of them begin with (L, slots, H, T)."""
        return (self._keys, self._values)

    def swap_slots(self, one: int, other: int, length: int) -> None:
        """Exchanges two slots, of which no more than the first `length` tokens are in use."""
        if self._kernels:
            self._places[one], self._places[other] = self._places[other], self._places[one]
            return
        for cache in self.tensors():
            held = cache[:, one, :, :length].clone()
            cache[:, one, :, :length] = cache[:, other, :, :length]
            cache[:, other, :, :length] = held

    def copy_slot(self, source: int, target: int, length: int) -> None:
        """Copies the first `length` cached tokens of one slot into another."""
        source, target = self._places[source], self._places[target]
        for cache in self.tensors():
            cache[:, target, :, :length] = cache[:, source, :, :length]

    def free_slot(self, slot: int) -> None:
        """Gives a slot's memory back to the system, where it came from there page by page."""
        for cache in self.tensors():
            for layer in cache:
                release_pages(layer[self._places[slot]])


class Int8Cache(FloatCache):
    """A quarter of the bytes: each key and value in 8 bits with a scale for its token and head. Needs the kernel.

    A token attends to what is stored, its own piece of the prompt included, so that the same prompt gives the same
    numbers however it was cut.
    """

    def __init__(self, shape: tuple[int, ...], like: Tensor, kernels: Kernels) -> None:
        if like.device.type != "cpu" or like.dtype != torch.float32 or shape[-1] not in HEAD_SIZES:
            raise ValueError("an int8 cache is for float32 models on the CPU with heads of a usual size")
        self._kernels: Kernels = kernels
        self._places = list(range(shape[1]))
        self._keys, self._values = (lazy_zeros(shape, like, torch.int8) for _ in range(2))
        self._key_scales, self._value_scales = (lazy_zeros(shape[:-1], like) for _ in range(2))

    def attend_decoding(
        self, layer: int, qkv: Tensor, positions: Tensor, is_visible: Tensor, writes_to: Tensor | None = None
    ) -> Tensor:
        scales = (self._key_scales[layer], self._value_scales[layer])
        slots = torch.tensor(self._places[: len(qkv)])
        return self._kernels.attend(qkv, self._keys[layer], self._values[layer], positions, slots, scales)

    def attend_chunk(self, layer: int, chunk: Chunk, qkv: Tensor, mask: Tensor | None) -> Tensor:
        place, end = self._places[chunk.slot], chunk.start + len(qkv)
        query, key, value = qkv.transpose(0, 2).unbind(1)
        at = (layer, place, slice(None), slice(chunk.start, end))
        self._keys[at], self._key_scales[at] = _quantised(key)
        self._values[at], self._value_scales[at] = _quantised(value)
        read = (layer, place, slice(None), slice(0, end))
        keys = self._keys[read] * self._key_scales[read][..., None]
        return _attend(query, keys, self._values[read] * self._value_scales[read][..., None], mask)

    def tensors(self) -> tuple[Tensor, ...]:
        return (self._keys, self._values, self._key_scales, self._value_scales)


def choose_cache(kind: str, like: Tensor, head_dim: int, *, uses_kernels: bool) -> str:
    """`auto`: `int8` for float32 models where kernels can read it, else `float`. Others are left as they are."""
    if kind != "auto":
        return kind
    is_fit = like.device.type == "cpu" and like.dtype == torch.float32 and head_dim in HEAD_SIZES
    return "int8" if is_fit and uses_kernels and load_kernels() else "float"


def make_cache(kind: str, shape: tuple[int, ...], like: Tensor, kernels: Kernels | None) -> FloatCache:
    """`kind`: `float` or `int8`. Raises ValueError for another one, and for int8 where it can't be had."""
    if kind == "float":
        return FloatCache(shape, like, kernels)
    if kind != "int8":
        raise ValueError(f"a cache is auto, float or int8, not {kind!r}")
    if kernels is None:
        raise ValueError("an int8 cache needs the compiled kernels, and there is no C++ compiler here")
    return Int8Cache(shape, like, kernels)


def causal_mask(chunk: Chunk, device: torch.device) -> Tensor | None:
    """(N, start + N): a token sees what is cached before its chunk and the chunk up to itself. None: plain causal."""
    if chunk.start == 0:
        return None
    end = chunk.start + len(chunk.token_ids)
    return torch.arange(end, device=device) <= torch.arange(chunk.start, end, device=device)[:, None]


def _attend(query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """(H, N, D) over (H, T, D) -> (N, H x D)"""
    attended = F.scaled_dot_product_attention(
        query[None], keys[None], values[None], attn_mask=mask, is_causal=mask is None
    )
    return attended[0].transpose(0, 1).reshape(query.shape[1], -1)


def _quantised(numbers: Tensor) -> tuple[Tensor, Tensor]:
    scales = numbers.abs().amax(-1).clamp(min=1e-12) / 127
    return (numbers / scales[..., None]).round().to(torch.int8), scales
