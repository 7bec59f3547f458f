"""The processes of the site: their commands, in the order in which they start. docker-compose.yml has its own copy."""

import os
import sys

from django.conf import settings

from workers.child_process import ProcessSpec
from workers.embedded_redis import EmbeddedRedis

_COMMON = {
    "DJANGO_SETTINGS_MODULE": "chatbot.settings",
    "PYTHONUNBUFFERED": "1",
    "OMP_WAIT_POLICY": "passive",  # threads of a matrix product that wait shall not spin: other processes need the core
    "MALLOC_ARENA_MAX": "2",  # each of many threads keeping what it once needed would add a hundred megabytes
    "TOKENIZERS_PARALLELISM": "false",
    "CELERY_SKIP_CHECKS": "1",  # `up` ran Django's checks with the migrations
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # uvicorn's older WebSocket implementation is the measured one; Celery's worry is about pickles, which nobody sends
    "PYTHONWARNINGS": "ignore:The `websockets` implementation is deprecated,ignore:You're running the worker with",
}


def site_processes(*, embedded_redis: EmbeddedRedis | None, port: int) -> list[ProcessSpec]:
    """Web stops first, then the workers softly, the Redis server last."""
    environment = _COMMON | {"PORT": str(port)}
    model_threads = settings.MODEL_THREADS or max(1, (os.cpu_count() or 2) - 1)
    specs = [
        ProcessSpec(name="web", command=_web(port), environment=environment, stop_timeout_s=3.0),
        ProcessSpec(
            name="reply",
            command=_worker("replies", settings.REPLY_WORKER_THREADS),
            environment=environment | {"OMP_NUM_THREADS": str(model_threads)},
            stop_rank=1,
            stop_timeout_s=5.0,
        ),
        ProcessSpec(
            name="analysis",
            command=_worker("analysis", settings.ANALYSIS_WORKER_THREADS),
            environment=environment | {"OMP_NUM_THREADS": "1"},
            stop_rank=1,
            stop_timeout_s=5.0,
        ),
        ProcessSpec(name="beat", command=_beat(), environment=environment, stop_rank=1, stop_timeout_s=5.0),
    ]
    if embedded_redis is None:
        return specs
    redis = ProcessSpec(name="redis", command=embedded_redis.command, stop_rank=2, is_up=embedded_redis.is_up)
    return [redis, *specs]


def _web(port: int) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", "webui.asgi:application"),
        *("--host", settings.HOST, "--port", str(port)),
        *("--loop", "uvloop", "--http", "httptools", "--ws", "websockets"),
        *("--no-access-log", "--no-server-header", "--log-level", "warning"),
        *("--timeout-graceful-shutdown", "2"),
        "--proxy-headers" if settings.IS_HTTPS else "--no-proxy-headers",
    ]


def _worker(queue: str, num_threads: int) -> list[str]:
    return [
        *(sys.executable, "-m", "celery", "-A", "workers.celery_app", "--quiet", "worker"),
        *("--queues", queue, "--hostname", f"{queue}@%h", "--pool", "threads", "--concurrency", str(num_threads)),
        *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "INFO"),
    ]


def _beat() -> list[str]:
    return [sys.executable, "-m", "celery", "-A", "chatbot.queue", "--quiet", "beat", "--loglevel", "WARNING"]
