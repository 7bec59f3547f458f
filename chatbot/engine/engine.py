"""The engine: one thread, one model, many requests a step (continuous batching).

A step admits one waiting request (its prompt runs through the model) and then decodes one token for every active
request together. Whatever happens to a request, it ends in exactly one terminal event, and a request that fails
takes no other with it.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from chatbot.engine.model_runner import ModelRunner, ModelShape
from chatbot.engine.request import (
    EngineOverloadedError,
    EngineUnavailableError,
    FinishReason,
    Request,
    RequestState,
    SamplingParams,
)
from chatbot.engine.sampler import sample

log = logging.getLogger(__name__)


class Engine:
    """Runs requests on a GPT-2. `start` it once; `add_request` and `cancel_request` are safe from any thread."""

    def __init__(
        self,
        shape: ModelShape,
        weights: Mapping[str, Tensor],
        *,
        max_batch_size: int = 16,
        max_waiting: int = 64,
        num_threads: int = 0,
    ) -> None:
        self.shape = shape
        self._weights = weights
        self._max_batch_size = max_batch_size
        self._max_waiting = max_waiting
        self._num_threads = num_threads
        self._waiting: deque[Request] = deque()
        self._active: list[Request] = []  # the position in this list is the slot in the cache
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
        if self._thread.is_alive():
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
        request = Request(list(prompt_token_ids), params)
        with self._wake:
            if not self.is_alive:
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

    def _run(self) -> None:
        try:
            if self._num_threads:
                torch.set_num_threads(self._num_threads)
            runner = ModelRunner(self.shape, self._weights, num_slots=self._max_batch_size)
            runner.prefill(0, [0])
            self._is_ready.set()
            while self._wait_for_work():
                self._step(runner)
        except Exception:
            log.exception("the model thread died")
        finally:
            self._fail_all("the engine stopped")
            self._is_ready.set()

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._waiting or self._active or self._is_stopping):
                self._wake.wait()
            return not self._is_stopping

    def _step(self, runner: ModelRunner) -> None:
        self._drop_ended(runner)
        request = self._next_waiting()
        if request:
            self._admit(runner, request)
            self._drop_ended(runner)
        if self._active:
            self._decode(runner)

    def _next_waiting(self) -> Request | None:
        with self._wake:
            while self._waiting and len(self._active) < self._max_batch_size:
                request = self._waiting.popleft()
                if not request.is_terminal and not _is_late(request):
                    return request
        return None

    def _admit(self, runner: ModelRunner, request: Request) -> None:
        try:
            logits = runner.prefill(len(self._active), request.prompt_token_ids)
        except Exception as error:  # out of memory, a token id outside the vocabulary
            log.exception("request %s failed in prefill", request.request_id)
            request.end(RequestState.FAILED, error=str(error))
            return
        request.state = RequestState.DECODING
        self._active.append(request)
        self._take_token(request, logits)

    def _decode(self, runner: ModelRunner) -> None:
        batch = list(self._active)
        logits = runner.decode([r.token_ids[-1] for r in batch], [r.length - 1 for r in batch])  # (B, V)
        for request, row in zip(batch, logits, strict=True):
            self._take_token(request, row)

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
        request.append(token_id)
        if len(request.token_ids) >= request.params.max_new_tokens:
            request.end(RequestState.FINISHED, FinishReason.LENGTH)

    def _drop_ended(self, runner: ModelRunner) -> None:
        """Frees the slots of ended requests; the last active one moves into each gap."""
        for slot in range(len(self._active) - 1, -1, -1):
            if not self._active[slot].is_terminal:
                continue
            last = self._active.pop()
            if slot < len(self._active):
                runner.move_slot(len(self._active), slot, last.length)
                self._active[slot] = last

    def _fail_all(self, why: str) -> None:
        with self._wake:
            self._is_stopping = True
            for request in [*self._active, *self._waiting]:
                request.end(RequestState.FAILED, error=why)
            self._active.clear()
            self._waiting.clear()


def _is_late(request: Request) -> bool:
    if request.params.deadline is None or time.monotonic() < request.params.deadline:
        return False
    request.end(RequestState.FINISHED, FinishReason.DEADLINE)
    return True
