"""Decoding steps of fixed shapes, recorded once and replayed (CUDA graphs): on a GPU, launching a small model's kernels
one by one from Python takes longer than they run.

Requests are rounded up to a power of two and the cached length to whole blocks; a graph is recorded for each pair that
occurs. What is rounded up writes its keys and values to a slot that nobody uses. Without a GPU steps of the same fixed
shapes are run unrecorded, which is how tests reach all of this but the recording itself.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

BLOCK_TOKENS = 128
Step = Callable[[], Tensor]


class Decode(Protocol):
    """`ids`, `positions`, `slots`: (S,); no position is beyond `longest`. -> logits (S, V), float32."""

    def __call__(self, ids: Tensor, positions: Tensor, slots: Tensor, longest: int, /) -> Tensor: ...


class DecodeGraphs:
    """Use from one thread only."""

    def __init__(
        self, decode: Decode, *, max_batch: int, context_length: int, spare_slot: int, device: torch.device
    ) -> None:
        self._decode = decode
        self._max_batch, self._context_length, self._spare_slot = max_batch, context_length, spare_slot
        is_cuda = device.type == "cuda"
        self._record: Callable[[Step], Step] = _Recorder() if is_cuda else lambda step: step
        self._given = torch.zeros(3, max_batch, dtype=torch.long, pin_memory=is_cuda)
        self._inputs = torch.zeros(3, max_batch, dtype=torch.long, device=device)
        self._steps: dict[tuple[int, int], Step] = {}

    def run(self, token_ids: Sequence[int], lengths: Sequence[int]) -> Tensor:
        """The token after `lengths` cached ones for each of the first B slots. Returns the logits (B, V)."""
        batch = len(token_ids)
        size = min(self._max_batch, 1 << (batch - 1).bit_length())
        blocks = -(-(max(lengths) + 1) // BLOCK_TOKENS)
        longest = min(self._context_length, blocks * BLOCK_TOKENS)
        self._given[:, :size] = torch.tensor([[0], [0], [self._spare_slot]])
        self._given[:, :batch] = torch.tensor([token_ids, lengths, range(batch)])
        self._inputs.copy_(self._given, non_blocking=True)
        step = self._steps.get((size, longest))
        if step is None:
            ids, positions, slots = self._inputs[:, :size]
            step = self._record(lambda: self._decode(ids, positions, slots, longest))
            self._steps[size, longest] = step
        return step()[:batch]


class _Recorder:
    """Records steps as CUDA graphs, which share their memory: none runs beside another."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, step: Step) -> Step:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):  # libraries set themselves up in the first runs, which can't be recorded
            for _ in range(2):
                step()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            logits = step()

        def replay() -> Tensor:
            graph.replay()
            return logits

        return replay
