"""GPT-2's forward pass in one compiled call, for float32 checkpoints on a processor with AVX-512 (see `forward.h`).

Weights are packed once, as float32, bfloat16 or in 8 bits with a scale for each output channel; the inputs of 8-bit
products are quantised row by row as they come. Sums, hidden states and layer norms stay float32. A row's numbers don't
depend on the rows beside it. What this can't do, `model_runner` does in torch.
"""

import ctypes
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from chatbot.engine.cache import Chunk, FloatCache
from chatbot.engine.kernels import HEAD_SIZES, Kernels
from chatbot.engine.linear import has_tiles
from chatbot.engine.shape import ModelShape

_KINDS = {"float": 0, "bf16": 1, "int8": 2}
_PANEL = 64  # columns of packed weights that lie together, as in products.h
_ACTIVATIONS = ("gelu_new", "gelu_pytorch_tanh")  # two names of one function
_INT8_MAX = 127


class _Norm(ctypes.Structure):
    _fields_ = [("weight", ctypes.c_void_p), ("bias", ctypes.c_void_p)]


class _Product(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("weights", "bias", "scales", "sums")),
        *((name, ctypes.c_int32) for name in ("inputs", "outputs")),
    ]


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, _Norm) for name in ("norm_1", "norm_2")),
        *((name, _Product) for name in ("qkv", "out", "up", "down")),
    ]


class _Model(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int32) for name in ("num_layers", "width", "heads", "context", "slots")),
        ("epsilon", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("tokens", "places")),
        ("norm", _Norm),
        ("head", _Product),
        ("layers", ctypes.POINTER(_Layer)),
        *((name, ctypes.c_void_p) for name in ("keys", "values", "key_scales", "value_scales")),
    ]


def can_compile(kernels: Kernels | None, shape: ModelShape, state: Mapping[str, Tensor], weights: str) -> bool:
    """Whether `CompiledModel` can be made: kernels, a processor that multiplies `weights`, a model of a usual form."""
    embedding = state["wte.weight"]
    return (
        kernels is not None
        and not (weights == "bf16" and has_tiles())
        and kernels.group_of(_KINDS[weights]) > 0
        and embedding.device.type == "cpu"
        and embedding.dtype == torch.float32
        and shape.head_dim in HEAD_SIZES
        and shape.activation in _ACTIVATIONS
    )


class CompiledModel:
    """The packed weights of one checkpoint and where they and its cache lie. Use from one thread only."""

    def __init__(
        self, kernels: Kernels, shape: ModelShape, state: Mapping[str, Tensor], cache: FloatCache, *, weights: str
    ) -> None:
        """`state`: names without prefix, float32 on the CPU. `weights`: `float`, `bf16` or `int8`."""
        self._kernels, self._kind = kernels, _KINDS[weights]
        self._state, self._cache = state, cache
        self._kept: list[Tensor] = []  # the library knows addresses only
        self._vocabulary = len(state.get("lm_head.weight", state["wte.weight"]))
        self._layers = (_Layer * shape.num_layers)(*(self._layer(f"h.{n}") for n in range(shape.num_layers)))
        keys, values, *scales = cache.tensors()
        key_scales, value_scales = scales or (None, None)
        head = state.get("lm_head.weight", state["wte.weight"]).t()
        self._model = _Model(
            num_layers=shape.num_layers,
            width=shape.width,
            heads=shape.num_heads,
            context=shape.context_length,
            slots=keys.shape[1],
            epsilon=shape.layer_norm_epsilon,
            tokens=self._keep(state["wte.weight"]),
            places=self._keep(state["wpe.weight"]),
            norm=self._norm("ln_f"),
            head=self._product(head, torch.zeros(head.shape[1])),
            layers=self._layers,
            keys=keys.data_ptr(),
            values=values.data_ptr(),
            key_scales=None if key_scales is None else key_scales.data_ptr(),
            value_scales=None if value_scales is None else value_scales.data_ptr(),
        )

    def run(self, token_ids: Sequence[int], lengths: Sequence[int], chunks: Sequence[Chunk]) -> Tensor:
        """As `ModelRunner.run`; the logits (B + chunks, V). Raises IndexError for an id outside the vocabulary."""
        ids = torch.tensor([*token_ids, *(token_id for chunk in chunks for token_id in chunk.token_ids)])
        if not 0 <= int(ids.min()) <= int(ids.max()) < len(self._state["wte.weight"]):
            raise IndexError("a token id is outside the vocabulary")
        place = self._cache.place
        decoding = [(place(slot), length, 1) for slot, length in enumerate(lengths)]
        pieces = [*decoding, *((place(chunk.slot), chunk.start, len(chunk.token_ids)) for chunk in chunks)]
        logits = torch.empty((len(pieces), self._vocabulary))
        where = torch.tensor(pieces, dtype=torch.int32)
        self._kernels.step(ctypes.byref(self._model), self._kind, ids, where, len(decoding), logits)
        return logits

    def _layer(self, name: str) -> _Layer:
        places = {"qkv": "attn.c_attn", "out": "attn.c_proj", "up": "mlp.c_fc", "down": "mlp.c_proj"}
        products = {
            place: self._product(self._state[f"{name}.{part}.weight"], self._state[f"{name}.{part}.bias"])
            for place, part in places.items()
        }
        return _Layer(norm_1=self._norm(f"{name}.ln_1"), norm_2=self._norm(f"{name}.ln_2"), **products)

    def _norm(self, name: str) -> _Norm:
        return _Norm(self._keep(self._state[f"{name}.weight"]), self._keep(self._state[f"{name}.bias"]))

    def _product(self, weight: Tensor, bias: Tensor) -> _Product:
        """`weight`: (in, out), as GPT-2's Conv1D has it."""
        inputs, outputs = weight.shape
        spare = -outputs % _PANEL
        weight, bias = F.pad(weight, (0, spare)), F.pad(bias, (0, spare))
        scales = sums = None
        if self._kind == _KINDS["int8"]:
            factors = weight.abs().amax(0).clamp(min=1e-12) / _INT8_MAX
            weight = (weight / factors).round()
            scales, sums = self._keep(factors), self._keep((128 * weight.sum(0)).to(torch.int32))
        packed = _packed(weight, self._kernels.group_of(self._kind))
        dtype = (torch.float32, torch.bfloat16, torch.int8)[self._kind]
        return _Product(self._keep(packed.to(dtype)), self._keep(bias), scales, sums, inputs, outputs)

    def _keep(self, tensor: Tensor) -> int:
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()


def _packed(weight: Tensor, group: int) -> Tensor:
    """(in, out) -> (panel, in / group, 64, group)"""
    inputs, outputs = weight.shape
    return weight.reshape(inputs // group, group, outputs // _PANEL, _PANEL).permute(2, 0, 3, 1).contiguous()
