"""Compiles `kernels.cpp` once for this machine's processor and calls it. Without a compiler there are no kernels.

The library lies in the user's cache folder under a name that changes with the source, the compiler and the processor.
Everything that it does is also written in plain torch: who asks for kernels must be ready to get None.
"""

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

log = logging.getLogger(__name__)

_SOURCE = Path(__file__).with_name("kernels.cpp")
_HEADERS = [_SOURCE.with_name(f"{name}.h") for name in ("numbers", "products", "attention", "forward")]
# as fast as -ffast-math, whose start-up code would change how the whole process rounds denormal numbers
_FLAGS = [
    *("-std=c++20", "-O3", "-march=native", "-fopenmp", "-shared", "-fPIC"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffinite-math-only"),
    *("-fassociative-math", "-fno-signed-zeros", "-freciprocal-math"),
]
_COMPILE_TIMEOUT_S = 180  # 15 s of an idle core
HEAD_SIZES = frozenset({16, 32, 64, 80, 128})  # those that kernels.cpp is compiled for


class Kernels:
    """The functions of the library, on float32 tensors of the CPU."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def attend(
        self,
        qkv: Tensor,
        keys: Tensor,
        values: Tensor,
        positions: Tensor,
        slots: Tensor,
        scales: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Stores new keys and values of B slots (B,) at `positions` (B,), both int64, and attends to all up to them.

        `qkv`: (B, 3, H, D) contiguous; `keys`, `values`: of one layer, (slots, H, T, D), float32, or int8 with
        `scales` (slots, H, T) each; D is one of HEAD_SIZES. Returns (B, H x D).
        """
        batch, _three, heads, dim = qkv.shape
        out = torch.empty((batch, heads * dim))
        key_scales, value_scales = scales or (None, None)
        self._library.kefu_attend(
            *map(_pointer, (qkv, keys, values, key_scales, value_scales, positions, slots, out)),
            *(batch, heads, dim, keys.shape[2], torch.get_num_threads()),
        )
        return out

    def gelu_tanh_(self, inputs: Tensor) -> Tensor:
        """GELU in its tanh form, in place."""
        self._library.kefu_gelu_tanh(_pointer(inputs), ctypes.c_int64(inputs.numel()), torch.get_num_threads())
        return inputs

    def group_of(self, kind: int) -> int:
        """Inputs that one instruction adds up with weights of a kind of `compiled`; 0: the processor has none such."""
        return int(self._library.kefu_group(kind))

    def step(self, model: Any, kind: int, ids: Tensor, pieces: Tensor, num_decoding: int, logits: Tensor) -> None:
        """The whole forward pass of `compiled.CompiledModel`. `pieces`: (P, 3) int32; `logits`: (P, V), written.

        Raises MemoryError.
        """
        has_failed = self._library.kefu_step(
            *(model, kind, _pointer(ids), _pointer(pieces), num_decoding, len(pieces)),
            *(_pointer(logits), torch.get_num_threads()),
        )
        if has_failed:
            raise MemoryError("no memory for the numbers of a step")


@functools.cache
def load_kernels() -> Kernels | None:
    """Compiles them if need be (some seconds, once). None, with the reason in the log, where that can't be done."""
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        log.info("no C++ compiler: the model runs in plain torch")
        return None
    try:
        return Kernels(ctypes.CDLL(str(_compiled(compiler))))
    except (OSError, subprocess.SubprocessError) as error:
        log.warning("the kernels can't be compiled (%s): the model runs in plain torch", error)
        return None


def _compiled(compiler: str) -> Path:
    version = subprocess.run([compiler, "--version"], capture_output=True, timeout=10, check=True).stdout
    sources = [path.read_bytes() for path in (_SOURCE, *_HEADERS)]
    name = hashlib.sha256(b"\0".join([*sources, version, _processor(), *map(str.encode, _FLAGS)]))
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kefu"
    target = folder / f"kernels-{name.hexdigest()[:16]}.so"
    if not target.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as drafts:  # two processes may compile at the same time
            draft = Path(drafts) / "kernels.so"
            command = [compiler, *_FLAGS, str(_SOURCE), "-o", str(draft)]
            subprocess.run(command, capture_output=True, timeout=_COMPILE_TIMEOUT_S, check=True)
            draft.replace(target)
    return target


def _processor() -> bytes:
    """What `-march=native` depends on: a home folder may be shared by different machines."""
    facts = Path("/proc/cpuinfo")
    if not facts.is_file():
        return platform.processor().encode()
    lines = facts.read_text().splitlines()
    return "".join(sorted({line for line in lines if line.startswith(("flags", "model name", "Features"))})).encode()


def _pointer(tensor: Tensor | None) -> ctypes.c_void_p | None:
    return None if tensor is None else ctypes.c_void_p(tensor.data_ptr())
