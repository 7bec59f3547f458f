"""Memory for the cache that is taken page by page as it is written, and given back when a chat is forgotten."""

import ctypes
import mmap
import sys

import numpy as np
import torch
from torch import Tensor

_NUMPY = {torch.float32: np.float32, torch.int8: np.int8}
_DONT_NEED = getattr(mmap, "MADV_DONTNEED", 4)


def lazy_zeros(shape: tuple[int, ...], like: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Zeros on the device of `like`, in its dtype unless another is named.

    Zeros, because a NaN left in memory would pass through the mask (0 x NaN). On the CPU from numpy, whose zeros take
    memory only as they are written: positions that no conversation reaches cost nothing.
    """
    dtype = dtype or like.dtype
    if like.device.type == "cpu" and dtype in _NUMPY:
        return torch.from_numpy(np.zeros(shape, dtype=_NUMPY[dtype]))
    return torch.zeros(shape, dtype=dtype, device=like.device)


def release_pages(block: Tensor) -> None:
    """Makes a contiguous block zeros again; on Linux its whole pages go back to the system (madvise(2))."""
    block.zero_() if block.device.type != "cpu" or not sys.platform.startswith("linux") else _advise(block)


def _advise(block: Tensor) -> None:
    begin, end = block.data_ptr(), block.data_ptr() + block.nbytes
    first, last = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE, end // mmap.PAGESIZE * mmap.PAGESIZE
    if last <= first or ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _DONT_NEED):
        block.zero_()
        return
    numbers = block.view(-1)
    numbers[: (first - begin) // block.element_size()].zero_()
    numbers[(last - begin) // block.element_size() :].zero_()
