"""The matrix products of GPT-2 and of the sentence encoder, as functions made once from weights.

`float` keeps the checkpoint's own numbers and layout. `bf16` multiplies bfloat16 numbers, packed for oneDNN, and adds
them up in float32: half the bytes, and twice the products a second where the processor has instructions for it. `int8`
stores each output channel's weights in 8 bits with a scale of its own and quantises the inputs of each product as they
come (dynamic quantisation): a quarter of the bytes to read, which is what decoding waits for. Measured in
docs/performance.md. With AVX-512 and a compiler `compiled` does the same and more in a single call.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""(rows, in) -> (rows, out)"""

_INT8_MAX = 127
_USUAL_ROWS = 32  # oneDNN packs for a number of rows, and takes any


def choose_weights(weights: str, like: Tensor) -> str:
    """`auto`: `bf16` for float32 weights on a processor that multiplies it, else `float`. Others are left as they are.

    Raises ValueError for what is none of the four.
    """
    if weights == "auto":
        is_float_on_cpu = like.device.type == "cpu" and like.dtype == torch.float32
        return "bf16" if is_float_on_cpu and torch.cpu._is_avx512_bf16_supported() else "float"
    if weights not in ("float", "bf16", "int8"):
        raise ValueError(f"weights are auto, float, bf16 or int8, not {weights!r}")
    return weights


def has_tiles() -> bool:
    """AMX: oneDNN's products of bfloat16 are several times as fast there as any by AVX-512."""
    return bool(torch.cpu._is_amx_tile_supported())


def make_product(weight: Tensor, bias: Tensor | None, *, weights: str) -> Product:
    """`weight`: (in, out), as GPT-2's Conv1D has it. `weights`: `float`, `bf16` or `int8`. Raises ValueError."""
    if weights == "int8":
        return _int8_product(weight, bias)
    if weights == "bf16":
        return _bf16_product(weight, bias)
    if bias is None:  # the output layer, the embedding seen from its other side: a third faster for 32 rows so
        return lambda inputs: (weight.t() @ inputs.t()).t().contiguous()
    return lambda inputs: torch.addmm(bias, inputs, weight)


def _bf16_product(weight: Tensor, bias: Tensor | None) -> Product:
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        raise ValueError("bf16 weights are made from float32 weights on the CPU")
    rows = weight.t().contiguous().bfloat16()  # (out, in)
    packed = torch.ops.mkldnn._reorder_linear_weight(rows, _USUAL_ROWS)
    low_bias = None if bias is None else bias.bfloat16()
    multiply = torch.ops.mkldnn._linear_pointwise
    return lambda inputs: multiply(inputs.bfloat16(), packed, low_bias, "none", [], "").float()


def _int8_product(weight: Tensor, bias: Tensor | None) -> Product:
    if weight.device.type != "cpu" or weight.dtype != torch.float32:
        raise ValueError("int8 weights are made from float32 weights on the CPU")
    rows = weight.t().contiguous()  # (out, in)
    scales = (rows.abs().amax(dim=1) / _INT8_MAX).clamp(min=1e-12).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces that its quantised tensors will move to another package
        quantised = torch.quantize_per_channel(rows, scales, torch.zeros(len(rows), dtype=torch.long), 0, torch.qint8)
        packed = torch.ops.quantized.linear_prepack(quantised, bias)
    # 7 bits of activation: without VNNI the 8-bit kernel adds pairs of products in 16 bits, which would overflow
    return lambda inputs: torch.ops.quantized.linear_dynamic(inputs, packed, reduce_range=True)
