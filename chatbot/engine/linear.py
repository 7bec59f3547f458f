"""The matrix products of GPT-2, as functions made once from a checkpoint's weights.

`float` keeps the checkpoint's own numbers and layout. `int8` stores each output channel's weights in 8 bits with a
scale of its own and quantises the inputs of each product as they come (dynamic quantisation): a quarter of the bytes
to read, which is what decoding waits for. Measured in docs/performance.md.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""(rows, in) -> (rows, out)"""

_INT8_MAX = 127


def make_product(weight: Tensor, bias: Tensor | None, *, weights: str) -> Product:
    """`weight`: (in, out), as GPT-2's Conv1D has it. `weights`: `float` or `int8`. Raises ValueError."""
    if weights == "int8":
        return _int8_product(weight, bias)
    if weights != "float":
        raise ValueError(f"weights are float or int8, not {weights!r}")
    if bias is None:  # the output layer, the embedding seen from its other side: a third faster for 32 rows so
        return lambda inputs: (weight.t() @ inputs.t()).t().contiguous()
    return lambda inputs: torch.addmm(bias, inputs, weight)


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
