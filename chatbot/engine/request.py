"""A request to the engine: what is asked, how far it is, and the queue that its tokens come out of."""

import enum
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch

LogitsProcessor = Callable[[list[int], torch.Tensor], torch.Tensor]
"""Gets the ids generated so far and the logits (vocabulary,) of the next token; returns logits of the same shape."""

_request_ids = itertools.count(1)


class EngineError(Exception):
    """The engine could not produce this request's tokens."""


class EngineUnavailableError(EngineError):
    """No engine runs, or it stopped: nothing will come."""


class EngineOverloadedError(EngineError):
    """Too many requests wait already; try later or do without."""


class RequestState(enum.Enum):
    PENDING = "pending"
    PREFILLING = "prefilling"
    DECODING = "decoding"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"


class FinishReason(enum.Enum):
    STOP = "stop"
    LENGTH = "length"
    DEADLINE = "deadline"


@dataclass(frozen=True, kw_only=True)
class SamplingParams:
    """How to choose tokens. `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 leave the distribution whole.

    The same `seed` gives the same tokens whoever shares the batch. `deadline` is in seconds of `time.monotonic()`.
    Of two waiting requests the one with the higher `priority` is next; each second of waiting counts as one more.
    `log_probabilities`: the request gets that of each of its tokens, as the model gave it, before any processor.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_k: int = 0
    top_p: float = 1.0
    seed: int | None = None
    stop_token_ids: frozenset[int] = frozenset()
    logits_processors: tuple[LogitsProcessor, ...] = ()
    deadline: float | None = None
    repetition_penalty: float = 1.0
    priority: float = 0.0
    log_probabilities: bool = False


@dataclass(frozen=True)
class _Terminal:
    state: RequestState
    error: str = ""


@dataclass(eq=False)
class Request:
    """Made by `Engine.add_request`. Iterating yields token ids until the one terminal event."""

    prompt_token_ids: list[int]
    params: SamplingParams
    request_id: int = field(default_factory=lambda: next(_request_ids))
    state: RequestState = RequestState.PENDING
    finish_reason: FinishReason | None = None
    token_ids: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)  # of `token_ids`, when the parameters ask for them
    added_at: float = field(default_factory=time.monotonic)
    num_cached: int = 0  # tokens whose keys and values are in the request's slot
    num_reused: int = 0  # of them, those that lay there before
    first_token_at: float | None = None
    _events: "queue.SimpleQueue[int | _Terminal]" = field(default_factory=queue.SimpleQueue)
    _ending: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.generator = torch.Generator()
        if self.params.seed is None:
            self.generator.seed()
        else:
            self.generator.manual_seed(self.params.seed)

    @property
    def is_terminal(self) -> bool:
        return self.state in (RequestState.FINISHED, RequestState.FAILED, RequestState.CANCELLED)

    @property
    def length(self) -> int:
        return len(self.prompt_token_ids) + len(self.token_ids)

    @property
    def num_reserved(self) -> int:
        """Positions of the cache that it may come to fill."""
        return len(self.prompt_token_ids) + self.params.max_new_tokens

    def __iter__(self) -> Iterator[int]:
        """Token ids as they come. Ends when finished or cancelled; raises EngineError when the request failed."""
        while True:
            event = self._events.get()
            if isinstance(event, int):
                yield event
            elif event.state is RequestState.FAILED:
                raise EngineUnavailableError(event.error)
            else:
                return

    def begin(self, state: RequestState) -> None:
        """Reading the prompt or decoding begins. Nothing changes for a request that has ended in the meantime."""
        with self._ending:
            if not self.is_terminal:
                self.state = state

    def append(self, token_id: int, log_probability: float | None = None) -> None:
        """Called by the engine's thread with each new token of the text. Nothing comes after a cancel meanwhile."""
        with self._ending:
            if self.is_terminal:
                return
            self.first_token_at = self.first_token_at or time.monotonic()
            if log_probability is not None:
                self.log_probabilities.append(log_probability)
            self.token_ids.append(token_id)
            self._events.put(token_id)

    def end(self, state: RequestState, reason: FinishReason | None = None, error: str = "") -> None:
        """The one terminal event; a second call changes nothing. Any thread may cancel while the engine finishes."""
        with self._ending:
            if not self.is_terminal:
                self.state, self.finish_reason = state, reason
                self._events.put(_Terminal(state, error))
