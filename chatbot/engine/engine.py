"""The engine: one thread, one model, many requests a step (continuous batching).

A step is one pass through the model: a token for every decoding request and pieces of the prompts that are being
read, under a budget of tokens, so that long prompts don't make the others wait. Whatever happens to a request, it ends
in exactly one terminal event, and a request that fails takes no other with it.
"""

import logging
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

import torch
from torch import Tensor

from chatbot.engine.cache import Chunk, choose_cache
from chatbot.engine.linear import choose_weights
from chatbot.engine.metrics import EngineStats, Metrics
from chatbot.engine.model_runner import ModelRunner
from chatbot.engine.request import (
    EngineOverloadedError,
    EngineUnavailableError,
    FinishReason,
    Request,
    RequestState,
    SamplingParams,
)
from chatbot.engine.sampler import sample
from chatbot.engine.shape import ModelShape
from chatbot.engine.slots import SlotTable

log = logging.getLogger(__name__)

_TOKENS_PER_WAITED_S = 200  # a prompt of a thousand tokens is read before any that comes five seconds later
_MIN_CHUNK = 16  # tokens of a prompt that go along however full the step is


class EngineOptions(TypedDict, total=False):
    """`max_batch_size`: requests at once. `max_waiting`: more are refused. `num_threads`: torch's, 0 leaves them.

    `num_kept_slots`: finished requests whose cache is kept for a conversation's next turn (see `slots`).
    `step_tokens`: rows of one pass, prompts and decoding together. `weights`: `auto`, `float`, `bf16` or `int8` (see
    `linear`). `max_cache_bytes`: of keys and values; kept chats give way to running ones, and what doesn't fit waits.
    0: as many as all slots can hold. `cache`: `auto`, `float` or `int8` (see `cache`).
    `uses_kernels`, `reuses_prefixes`: off only to measure what they save. `fixed_shapes`: see `ModelRunner`.
    """

    max_batch_size: int
    max_waiting: int
    num_threads: int
    num_kept_slots: int
    step_tokens: int
    weights: str
    reuses_prefixes: bool
    max_cache_bytes: int
    cache: str
    uses_kernels: bool
    fixed_shapes: bool


class Engine:
    """Runs requests on a GPT-2. `start` it once; `add_request` and `cancel_request` are safe from any thread."""

    def __init__(
        self,
        shape: ModelShape,
        state: Mapping[str, Tensor],
        **options: Unpack[EngineOptions],
    ) -> None:
        self.shape = shape
        self._state = state
        self._num_kept_slots = options.get("num_kept_slots", 16)
        self._uses_kernels = options.get("uses_kernels", True)
        self._fixed_shapes = options.get("fixed_shapes")
        like = next(iter(state.values()))
        self.weights = choose_weights(options.get("weights", "float"), like)
        self.cache = choose_cache(options.get("cache", "float"), like, shape.head_dim, uses_kernels=self._uses_kernels)
        self._bytes_per_token = shape.cache_bytes_per_token(self.cache)
        self._max_cached_tokens = options.get("max_cache_bytes", 0) // self._bytes_per_token or sys.maxsize
        self._step_tokens = options.get("step_tokens", 256)
        self._reuses_prefixes = options.get("reuses_prefixes", True)
        self._metrics = Metrics()
        self._slots: SlotTable | None = None
        self._is_draining = False
        self._max_batch_size = options.get("max_batch_size", 16)
        self._max_waiting = options.get("max_waiting", 64)
        self._num_threads = options.get("num_threads", 0)
        self._waiting: list[Request] = []
        self._active: list[Request] = []  # the position is the slot
        self._num_decoding = 0  # so many of them, the first ones, have read their prompt
        self._wake = threading.Condition()
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._is_ready = threading.Event()

    def start(self, *, timeout_s: float = 60.0) -> None:
        """Starts the thread and waits until it has run one token. Raises EngineUnavailableError if it can't."""
        self._thread.start()
        if not self._is_ready.wait(timeout_s) or not self.is_alive:
            raise EngineUnavailableError("the model thread did not start; its error is in the log")

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """Ends the thread; requests that are under way fail. Safe to call twice."""
        with self._wake:
            self._is_stopping = True
            self._wake.notify()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(timeout_s)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive() and not self._is_stopping

    def add_request(self, prompt_token_ids: Sequence[int], params: SamplingParams) -> Request:
        """Queues a request and returns it at once.

        Raises ValueError when the prompt is empty or prompt and new tokens exceed the context (the caller trims),
        EngineOverloadedError when too many wait, EngineUnavailableError when the engine does not run.
        """
        if not prompt_token_ids:
            raise ValueError("the prompt is empty")
        needed = len(prompt_token_ids) + params.max_new_tokens
        if needed > self.shape.context_length:
            raise ValueError(
                f"prompt and new tokens need {needed} positions; the model has {self.shape.context_length}"
            )
        if needed > self._max_cached_tokens:
            raise ValueError(
                f"prompt and new tokens need {needed} positions; the cache may hold {self._max_cached_tokens}"
            )
        request = Request(list(prompt_token_ids), params)
        with self._wake:
            if not self.is_alive or self._is_draining:
                raise EngineUnavailableError("the engine is not running")
            if len(self._waiting) >= self._max_waiting:
                raise EngineOverloadedError(f"{len(self._waiting)} requests wait already")
            self._waiting.append(request)
            self._wake.notify()
        return request

    def cancel_request(self, request: Request) -> None:
        """Ends a request soon; its slot is free at the next step. Nothing happens if it has ended already."""
        with self._wake:
            request.end(RequestState.CANCELLED)
            self._wake.notify()

    def drain(self, *, timeout_s: float) -> bool:
        """Takes no new requests, lets those under way finish, then stops. False: some were cut off at the timeout."""
        end = time.monotonic() + timeout_s
        with self._wake:
            self._is_draining = True
            is_idle = self._wake.wait_for(lambda: not (self._waiting or self._active), end - time.monotonic())
        self.stop()
        return is_idle

    def stats(self) -> EngineStats:
        """Safe from any thread; the numbers may be a step apart from one another."""
        slots = self._slots
        num_cached = slots.num_cached_tokens if slots else 0
        return self._metrics.stats(
            num_waiting=len(self._waiting),
            num_active=len(self._active),
            cached_tokens=num_cached,
            cache_bytes=num_cached * self._bytes_per_token,
            num_evicted=slots.num_evicted if slots else 0,
        )

    def _run(self) -> None:
        try:
            if self._num_threads:
                torch.set_num_threads(self._num_threads)
            num_slots = self._max_batch_size + self._num_kept_slots
            runner = ModelRunner(
                self.shape,
                self._state,
                num_slots=num_slots,
                weights=self.weights,
                cache=self.cache,
                uses_kernels=self._uses_kernels,
                fixed_shapes=self._fixed_shapes,
            )
            runner.run([], [], [Chunk(0, 0, [0])])
            self._slots = SlotTable(runner.cache, num_slots=num_slots, reuses_prefixes=self._reuses_prefixes)
            self._is_ready.set()
            while self._wait_for_work():
                self._step(runner, self._slots)
        except Exception:
            log.exception("the model thread died")
        finally:
            self._fail_all("the engine stopped")
            self._is_ready.set()

    def _wait_for_work(self) -> bool:
        with self._wake:
            self._wake.notify_all()  # a drain waits for the last request
            while not (self._waiting or self._active or self._is_stopping):
                self._wake.wait()
            return not self._is_stopping

    def _step(self, runner: ModelRunner, slots: SlotTable) -> None:
        self._drop_ended(slots)
        self._admit(slots)
        decoding = self._active[: self._num_decoding]
        chunks = self._chunks()
        if not (decoding or chunks):
            return
        try:
            logits, ends = runner.run([r.token_ids[-1] for r in decoding], [r.num_cached for r in decoding], chunks)
        except Exception as error:  # out of memory, a token id outside the vocabulary
            self._isolate(runner, decoding, chunks, error)
            return
        self._metrics.count_step(len(decoding) + len(chunks))
        for slot, (request, row) in enumerate(zip(decoding, logits, strict=True)):
            self._advance(slots, slot, [request.token_ids[-1]], row)
        for chunk, row in zip(chunks, ends, strict=True):
            self._advance(slots, chunk.slot, chunk.token_ids, row)
        self._let_readers_join(slots)

    def _isolate(self, runner: ModelRunner, decoding: list[Request], chunks: list[Chunk], error: Exception) -> None:
        """A step failed: finds the one to blame by running each alone, and ends only those that fail again.

        Running a token twice writes the same keys and values to the same place, so nothing else changes.
        """
        log.warning("a step failed (%s); each of its requests is tried alone", error)
        for slot, request in enumerate(decoding):
            piece = Chunk(slot, request.num_cached, [request.token_ids[-1]])
            self._try_alone(runner, request, piece)
        for chunk in chunks:
            self._try_alone(runner, self._active[chunk.slot], chunk)

    def _try_alone(self, runner: ModelRunner, request: Request, chunk: Chunk) -> None:
        try:
            runner.run([], [], [chunk])
        except Exception as error:
            log.exception("request %s failed in the model", request.request_id)
            request.end(RequestState.FAILED, error=str(error))

    def _admit(self, slots: SlotTable) -> None:
        """Gives waiting requests a slot each, the most urgent first, as long as there are slots and room in the cache.

        The most urgent one that doesn't fit yet holds back those behind it, or small ones would pass it for ever.
        """
        while len(self._active) < self._max_batch_size and (request := self._activate_next()):
            request.num_reused = request.num_cached = slots.take(request.prompt_token_ids)
            request.begin(RequestState.PREFILLING)
            slots.evict(self._max_cached_tokens - self._num_reserved())
            self._metrics.count_prompt(request)

    def _activate_next(self) -> Request | None:
        """Moves a request from those that wait to those under way in one go: a drain counts both."""
        with self._wake:
            while self._waiting:
                # a higher priority goes first, and each second of waiting counts as one more
                request = max(self._waiting, key=lambda r: r.params.priority - r.added_at)
                is_over = request.is_terminal or _is_late(request)
                if not is_over and self._num_reserved() + request.num_reserved > self._max_cached_tokens:
                    return None
                self._waiting.remove(request)
                if not is_over:
                    self._active.append(request)
                    return request
        return None

    def _num_reserved(self) -> int:
        return sum(request.num_reserved for request in self._active)

    def _chunks(self) -> list[Chunk]:
        """A piece of each prompt that is being read; together no more tokens than the step's budget.

        The prompt with the least left to read goes first, so that a long one delays a short one by a step and not by
        its whole length; having waited counts too, so that a flood of short ones can't hold a long one back for ever.
        """
        reading = enumerate(self._active[self._num_decoding :], start=self._num_decoding)
        readers = [(slot, request) for slot, request in reading if not request.is_terminal]
        left = max(self._step_tokens - self._num_decoding, _MIN_CHUNK)
        now, chunks = time.monotonic(), []
        readers.sort(key=lambda reader: _urgency(reader[1], now))
        for slot, request in readers:
            piece = request.prompt_token_ids[request.num_cached : request.num_cached + max(left, _MIN_CHUNK)]
            chunks.append(Chunk(slot, request.num_cached, piece))
            left -= len(piece)
            if left <= 0:
                break
        return chunks

    def _advance(self, slots: SlotTable, slot: int, fed: Sequence[int], logits: Tensor) -> None:
        """The fed tokens are cached now; a request whose prompt is read to its end gets its next token."""
        request = self._active[slot]
        slots[slot].token_ids.extend(fed)
        request.num_cached += len(fed)
        if request.num_cached >= len(request.prompt_token_ids):
            self._take_token(request, logits)

    def _let_readers_join(self, slots: SlotTable) -> None:
        """Requests whose prompt is read decode from now on; those hold the first slots."""
        for slot in range(self._num_decoding, len(self._active)):
            request, first_reader = self._active[slot], self._num_decoding
            if request.token_ids:
                request.begin(RequestState.DECODING)
                slots.swap(slot, first_reader)
                self._active[slot], self._active[first_reader] = self._active[first_reader], request
                self._num_decoding += 1

    def _take_token(self, request: Request, logits: Tensor) -> None:
        if request.is_terminal or _is_late(request):
            return
        try:
            token_id = sample(request, logits)
        except Exception as error:  # a raising logits processor ends its own request only
            log.exception("request %s failed in sampling", request.request_id)
            request.end(RequestState.FAILED, error=str(error))
            return
        if token_id in request.params.stop_token_ids:
            request.end(RequestState.FINISHED, FinishReason.STOP)
            return
        asked = request.params.log_probabilities
        request.append(token_id, float(logits.log_softmax(-1)[token_id]) if asked else None)
        self._metrics.count_token(request)
        if len(request.token_ids) >= request.params.max_new_tokens:
            request.end(RequestState.FINISHED, FinishReason.LENGTH)

    def _drop_ended(self, slots: SlotTable) -> None:
        """Frees the slots of ended requests; decoding ones stay before those that are being read."""
        # read once: another thread may cancel at any time
        kept = [r for r in self._active if not r.is_terminal]
        if len(kept) == len(self._active):
            return
        self._num_decoding = sum(r in kept for r in self._active[: self._num_decoding])
        for slot, request in enumerate(kept):
            at = self._active.index(request)
            if at != slot:
                slots.swap(slot, at)
                self._active[slot], self._active[at] = self._active[at], self._active[slot]
        for slot in range(len(self._active) - 1, len(kept) - 1, -1):
            slots.release(slot)
        del self._active[len(kept) :]

    def _fail_all(self, why: str) -> None:
        with self._wake:
            self._is_stopping = True
            for request in [*self._active, *self._waiting]:
                request.end(RequestState.FAILED, error=why)
            self._active.clear()
            self._waiting.clear()


def _urgency(request: Request, now: float) -> float:
    """Tokens left to read, less those that waiting counts for; the lowest goes first."""
    left = len(request.prompt_token_ids) - request.num_cached
    return left - _TOKENS_PER_WAITED_S * (now - request.added_at)


def _is_late(request: Request) -> bool:
    if request.params.deadline is None or time.monotonic() < request.params.deadline:
        return False
    request.end(RequestState.FINISHED, FinishReason.DEADLINE)
    return True
