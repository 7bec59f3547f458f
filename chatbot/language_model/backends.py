"""Text in, text out: what the reply pipeline generates with. The process has one generator, set by who starts it.

`LocalGenerator` runs a GPT-2 checkpoint on this process's engine. Knows nothing of conversations or Django's models.
"""

import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Protocol, Unpack

import torch

from chatbot.engine import Engine, EngineOptions, EngineStats, EngineUnavailableError, Request, SamplingParams
from chatbot.engine.shape import ModelShape
from chatbot.language_model.checkpoints import Checkpoint, load_checkpoint
from chatbot.language_model.constrained import Grammar, GrammarLock, Vocabulary
from chatbot.language_model.prompt_format import PromptFormat
from chatbot.language_model.tokenizer import IncrementalDecoder, is_byte_level, token_bytes


class TextGenerator(Protocol):
    """What the reply pipeline asks for text. Implementations are safe to use from many threads at once."""

    version: str
    prompt_format: PromptFormat
    context_length: int
    follows_grammars: bool  # whether `generate` takes one

    def generate(
        self,
        prompt_token_ids: Sequence[int],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        timeout_s: float | None = None,
        grammar: Grammar | None = None,
    ) -> Iterator[str]:
        """Yields pieces of text as they are generated, whole characters only. Closing the iterator cancels.

        With a grammar nothing else can be written, though the limits of tokens and time may cut it anywhere.
        Raises ValueError when prompt and new tokens exceed `context_length`, EngineOverloadedError and
        EngineUnavailableError.
        """
        ...


class LocalGenerator:
    """A checkpoint and the engine that runs it.

    The engine stops when nobody holds its generator any longer: one that was replaced (`set_generator`) lives on
    until the last turn that began with it has ended, and no turn needs to know that it was replaced.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine) -> None:
        self._checkpoint = checkpoint
        self.engine = engine
        self.version = checkpoint.version
        self.prompt_format = checkpoint.prompt_format
        self.context_length = engine.shape.context_length
        self.follows_grammars = is_byte_level(checkpoint.tokenizer)
        weakref.finalize(self, engine.stop)

    @property
    def is_alive(self) -> bool:
        return self.engine.is_alive

    def generate(
        self,
        prompt_token_ids: Sequence[int],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        seed: int | None = None,
        timeout_s: float | None = None,
        grammar: Grammar | None = None,
    ) -> Iterator[str]:
        params = SamplingParams(
            max_new_tokens=max_new_tokens,
            temperature=temperature,
            seed=seed,
            stop_token_ids=self.prompt_format.stop_token_ids,
            logits_processors=(self._lock(grammar),) if grammar else (),
            deadline=time.monotonic() + timeout_s if timeout_s else None,
        )
        request = self.engine.add_request(prompt_token_ids, params)
        decoder = IncrementalDecoder(self._checkpoint.tokenizer)
        try:
            yield from _stop_at(_decode(request, decoder), self.prompt_format.stop_strings)
        finally:
            self.engine.cancel_request(request)

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        """Made when it is first needed: unless answers are phrased, it never is."""
        return Vocabulary(token_bytes(self._checkpoint.tokenizer))

    def _lock(self, grammar: Grammar) -> GrammarLock:
        if not self.follows_grammars:
            raise ValueError("the bytes of this model's tokens aren't known, so it can't follow a grammar")
        return GrammarLock(grammar, self._vocabulary, self.prompt_format.stop_token_ids)

    def stats(self) -> EngineStats:
        return self.engine.stats()

    def stop(self) -> None:
        self.engine.stop()


def start_local_generator(
    name_or_path: str, *, device: str = "cpu", **engine_options: Unpack[EngineOptions]
) -> LocalGenerator:
    """Loads a checkpoint and starts its engine, warm when this returns. Raises CheckpointError."""
    # on the CPU the engine chooses for itself what it makes of float32 weights
    checkpoint = load_checkpoint(name_or_path, device=device, dtype=torch.float32 if device == "cpu" else None)
    config = checkpoint.model.config
    shape = ModelShape(
        num_layers=config.n_layer,
        num_heads=config.n_head,
        width=config.n_embd,
        context_length=config.n_positions,
        layer_norm_epsilon=config.layer_norm_epsilon,
        activation=config.activation_function,
    )
    engine = Engine(shape, checkpoint.model.state_dict(), **engine_options)
    engine.start()
    return LocalGenerator(checkpoint, engine)


@contextmanager
def local_generator(name_or_path: str, *, device: str = "cpu", num_threads: int = 0) -> Iterator[LocalGenerator]:
    """A generator for the length of a command."""
    generator = start_local_generator(name_or_path, device=device, num_threads=num_threads)
    try:
        yield generator
    finally:
        generator.stop()


_generator: TextGenerator | None = None


def set_generator(generator: TextGenerator | None) -> None:
    """Makes `generator` the one that this process answers with."""
    global _generator
    _generator = generator


def get_generator() -> TextGenerator:
    """The process's generator. Raises EngineUnavailableError when none was started."""
    if _generator is None:
        raise EngineUnavailableError("no model was loaded in this process")
    return _generator


def _decode(request: Request, decoder: IncrementalDecoder) -> Iterator[str]:
    for token_id in request:
        yield decoder.feed([token_id])
    yield decoder.flush()


def _stop_at(pieces: Iterator[str], stop_strings: Sequence[str]) -> Iterator[str]:
    """Passes text on until a stop string appears; what may be the start of one is held back until it is not."""
    held = ""
    longest = max(map(len, stop_strings), default=1)
    for piece in pieces:
        held += piece
        found = [at for stop in stop_strings if (at := held.find(stop)) >= 0]
        if found:
            yield held[: min(found)]
            return
        sure = len(held) - (longest - 1)
        if sure > 0:
            yield held[:sure]
            held = held[sure:]
    yield held
