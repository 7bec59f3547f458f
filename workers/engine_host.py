"""What a worker process holds besides its task threads: an engine to reply, a classifier to analyse.

Everything is loaded before the worker takes its first task. The reply worker then says every few seconds that it is
ready; when its model thread dies, the process ends with a failure, so that whoever supervises it starts a new one.
When another checkpoint is chosen (`manage.py use_model`), it is loaded beside the one that answers and takes over from
the next turn on; turns under way end with the model that they began with.
"""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import redis
from celery.signals import worker_init, worker_shutdown
from django.conf import settings
from django.db import connections

from chatbot import events, queue
from chatbot.assist import analysis
from chatbot.encoder.weights import EncoderFileError
from chatbot.engine import EngineError
from chatbot.knowledge.current import current_index
from chatbot.language_model.backends import LocalGenerator, set_generator, start_local_generator
from chatbot.language_model.checkpoints import CheckpointError

log = logging.getLogger(__name__)
T = TypeVar("T")

REPLIES_QUEUE = "replies"
ANALYSIS_QUEUE = "analysis"
EXIT_ENGINE_DIED = 70
_LAST_WORDS_S = 1.0  # for the replies under way to end with the approved text before the process ends


def install() -> None:
    """Connects the loading to the start of a worker."""
    worker_init.connect(_prepare, dispatch_uid="kefu.prepare")
    worker_shutdown.connect(_leave, dispatch_uid="kefu.leave")


def _prepare(*, sender: Any, **_: object) -> None:
    """Runs in the worker's main thread once its queues are known, before it takes tasks from them."""
    consumed = set(sender.app.amqp.queues.consume_from)
    try:
        if REPLIES_QUEUE in consumed:
            host_engine()
        if ANALYSIS_QUEUE in consumed:
            _warm_classifier()
    except CheckpointError as error:
        raise SystemExit(f"the checkpoint can't be loaded: {error}") from error
    except Exception as error:  # Celery would log what a signal's receiver raises, and go on without a model
        log.exception("the worker can't start")
        raise SystemExit(1) from error
    finally:
        connections.close_all()


def host_engine() -> LocalGenerator:
    """Loads the checkpoint, starts the engine, warms retrieval, and reports ready from a thread until it dies."""
    hosted = _timed("the model", _host_first)
    set_generator(hosted.generator)
    _timed("retrieval", lambda: current_index().search(["warm"], top_k=1))
    threading.Thread(target=_report_while_alive, args=(hosted,), name="heartbeat", daemon=True).start()
    threading.Thread(target=_follow_choice, args=(hosted,), name="model-choice", daemon=True).start()
    return hosted.generator


@dataclass
class _Hosted:
    """The generator that answers, the checkpoint that was asked for last, and why it could not be had, if so."""

    generator: LocalGenerator
    chosen: str
    error: str = ""


def _chosen_or_default() -> str:
    try:
        return queue.chosen_model() or settings.CHECKPOINT
    except redis.RedisError as error:
        log.warning("which model was chosen is not known (%s)", error)
        return str(settings.CHECKPOINT)


def _host_first() -> _Hosted:
    """The chosen checkpoint, or that of the settings when the chosen one is no longer good."""
    chosen = _chosen_or_default()
    try:
        return _Hosted(_start_generator(chosen), chosen)
    except CheckpointError as error:
        if chosen == settings.CHECKPOINT:
            raise
        log.exception("the chosen model can't be loaded; %s answers", settings.CHECKPOINT)
        return _Hosted(_start_generator(settings.CHECKPOINT), chosen, str(error))


def _follow_choice(hosted: _Hosted) -> None:
    while hosted.generator.is_alive:
        time.sleep(settings.WORKER_HEARTBEAT_S)
        with contextlib.suppress(redis.RedisError):
            swap_model(hosted, queue.chosen_model() or settings.CHECKPOINT)


def swap_model(hosted: _Hosted, chosen: str) -> None:
    """Answers with `chosen` from the next turn on. One that can't be loaded changes nothing but `hosted.error`."""
    if chosen == hosted.chosen:
        return
    hosted.chosen, hosted.error = chosen, ""
    try:
        generator = _timed(f"the model {chosen}", lambda: _start_generator(chosen))
    except (CheckpointError, EngineError, OSError, RuntimeError, MemoryError) as error:
        log.exception("the model %s can't be loaded; %s goes on", chosen, hosted.generator.version)
        hosted.error = str(error)
        return
    set_generator(generator)
    hosted.generator = generator  # the old one's engine ends with the last turn that holds it


def _warm_classifier() -> None:
    """Without a classifier this worker still has its other work: putting stuck replies back into the queue."""
    try:
        _timed("the sentiment classifier", lambda: analysis.classifier().classify(["warm"]))
    except (EncoderFileError, OSError) as error:
        log.error("no sentiment until this is mended: %s", error)


def _start_generator(checkpoint: str) -> LocalGenerator:
    return start_local_generator(
        checkpoint,
        device=settings.DEVICE,
        max_batch_size=settings.MAX_BATCH_SIZE,
        max_waiting=settings.MAX_WAITING_REQUESTS,
        num_threads=settings.MODEL_THREADS or max(1, (os.cpu_count() or 2) - 1),
        num_kept_slots=settings.KEPT_CHATS,
        weights=settings.WEIGHTS,
        cache=settings.CACHE,
        max_cache_bytes=settings.MAX_CACHE_MB * 2**20,
    )


def _timed(what: str, load: Callable[[], T]) -> T:
    started = time.perf_counter()
    loaded = load()
    log.info("%s is warm after %.1f s", what, time.perf_counter() - started)
    return loaded


def _report_while_alive(hosted: _Hosted) -> None:
    while hosted.generator.is_alive:
        try:
            queue.report_ready("reply", f"{socket.gethostname()}:{os.getpid()}", _facts(hosted))
        except redis.RedisError as error:
            log.warning("the heartbeat was not sent: %s", error)
        time.sleep(settings.WORKER_HEARTBEAT_S)
    log.critical("the model thread is dead: this worker ends")
    time.sleep(_LAST_WORDS_S)
    logging.shutdown()
    os._exit(EXIT_ENGINE_DIED)  # sys.exit would end this thread only


def _facts(hosted: _Hosted) -> dict[str, object]:
    facts = {"model_version": hosted.generator.version, "model": hosted.chosen, "model_error": hosted.error}
    return {**facts, "pid": os.getpid(), **asdict(hosted.generator.stats())}


def _leave(*, sender: Any, **_: object) -> None:
    """The last step of an orderly end: the pool's threads have finished, Celery has said goodbye to the broker.

    Python would now take torch's thousands of modules apart, 2 s of a core and 20 on a busy machine, only to end.
    """
    try:
        events.flush(timeout_s=2.0)
    except TimeoutError:
        log.warning("some last events were not sent; browsers read the rows when they reconnect")
    logging.shutdown()
    os._exit(sender.exitcode or 0)
