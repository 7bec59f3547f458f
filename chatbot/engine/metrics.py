"""What the engine has done so far, in numbers. Written by the engine's thread, read by any."""

import threading
from collections import deque
from dataclasses import dataclass
from statistics import quantiles

from chatbot.engine.request import Request

_NUM_RECENT = 500


@dataclass(frozen=True)
class EngineStats:
    """Totals since the start; `ttft_*_ms`: time to first token of the last 500 requests, None before the first."""

    num_waiting: int
    num_active: int
    num_steps: int
    mean_batch_size: float
    prompt_tokens: int
    reused_tokens: int
    new_tokens: int
    cached_tokens: int
    cache_bytes: int
    num_evicted: int
    ttft_p50_ms: float | None
    ttft_p95_ms: float | None

    @property
    def reuse_rate(self) -> float:
        """The share of prompt tokens that needed no prefill."""
        return self.reused_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


class Metrics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ttft_ms: deque[float] = deque(maxlen=_NUM_RECENT)
        self._num_steps = self._num_rows = self._prompt = self._reused = self._new = 0

    def count_step(self, num_rows: int) -> None:
        self._num_steps += 1
        self._num_rows += num_rows

    def count_prompt(self, request: Request) -> None:
        self._prompt += len(request.prompt_token_ids)
        self._reused += request.num_reused

    def count_token(self, request: Request) -> None:
        self._new += 1
        if len(request.token_ids) == 1 and request.first_token_at is not None:
            with self._lock:
                self._ttft_ms.append((request.first_token_at - request.added_at) * 1000)

    def stats(
        self, *, num_waiting: int, num_active: int, cached_tokens: int, cache_bytes: int, num_evicted: int = 0
    ) -> EngineStats:
        with self._lock:
            recent = list(self._ttft_ms)
        cuts = quantiles(recent, n=20, method="inclusive") if len(recent) > 1 else recent * 19
        return EngineStats(
            num_waiting=num_waiting,
            num_active=num_active,
            num_steps=self._num_steps,
            mean_batch_size=self._num_rows / self._num_steps if self._num_steps else 0.0,
            prompt_tokens=self._prompt,
            reused_tokens=self._reused,
            new_tokens=self._new,
            cached_tokens=cached_tokens,
            cache_bytes=cache_bytes,
            num_evicted=num_evicted,
            ttft_p50_ms=cuts[9] if cuts else None,
            ttft_p95_ms=cuts[18] if cuts else None,
        )
