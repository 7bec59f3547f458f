"""Door out 1: the Celery app object, the names of the tasks, and `enqueue`.

Callers name a task and pass primary keys; what runs is found by the worker (`workers/tasks.py`). A broker that is
down loses nothing: the rows are committed, and `reply.requeue_stuck` queues what nobody took.
"""

import json
import logging
import time
from collections.abc import Mapping

import redis
from celery import Celery
from django.conf import settings
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

GENERATE_REPLY = "reply.generate"
REQUEUE_STUCK_REPLIES = "reply.requeue_stuck"
ANALYSE_MESSAGE = "message.analyse"
REMOVE_ORPHANED_ATTACHMENTS = "attachments.remove_orphans"
SEND_CODE = "company.send_code"
SEND_TRANSCRIPT = "company.send_transcript"
SUMMARISE = "assist.summarise"
SUGGEST = "assist.suggest"
TRANSLATE = "assist.translate"
DRAFT_ALTERNATIVES = "assist.draft_alternatives"
GIVE_OUT_WAITING = "inbox.give_out_waiting"
ROLL_UP_INSIGHT = "insight.roll_up"
FILL_REVIEW_QUEUE = "review.fill_queue"
REPLAY = "review.replay"

app = Celery("kefu")
app.config_from_object("django.conf:settings", namespace="CELERY")

_HEARTBEAT_PREFIX = "kefu:worker:"
_CHOSEN_MODEL = "kefu:model"
_ENQUEUE_RETRY = {"max_retries": 2, "interval_start": 0.05, "interval_step": 0.1, "interval_max": 0.2}


def enqueue(task_name: str, *args: int) -> None:
    """Queues a task by name. A broker that can't be reached is logged, not raised: the row is the truth."""
    _send(task_name, args, delay_s=0.0)


def enqueue_later(task_name: str, *args: int, delay_s: float) -> None:
    """As `enqueue`, for work that should wait until more has happened."""
    _send(task_name, args, delay_s=delay_s)


def _send(task_name: str, args: tuple[int, ...], *, delay_s: float) -> None:
    try:
        app.send_task(task_name, args=args, countdown=delay_s or None, retry=True, retry_policy=_ENQUEUE_RETRY)
    except (OperationalError, redis.RedisError, OSError) as error:
        log.warning("%s%s was not queued (%s); it will be taken up again", task_name, args, error)


def redis_client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def report_ready(kind: str, worker_id: str, facts: Mapping[str, object]) -> None:
    """Says that a worker of `kind` would do its work now; forgotten after `WORKER_HEARTBEAT_TTL_S`."""
    value = json.dumps({**facts, "at": time.time()})
    redis_client().set(f"{_HEARTBEAT_PREFIX}{kind}:{worker_id}", value, ex=settings.WORKER_HEARTBEAT_TTL_S)


def ready_workers(kind: str) -> list[dict[str, object]]:
    """What each living worker of `kind` said last. Raises redis.RedisError when the server can't be reached."""
    client = redis_client()
    keys = list(client.scan_iter(f"{_HEARTBEAT_PREFIX}{kind}:*"))
    values = client.mget(keys) if keys else []
    return [json.loads(value) for value in values if value]


def choose_model(name_or_path: str) -> None:
    """Asks every reply worker to answer with this checkpoint from now on; "" for the one of the settings."""
    redis_client().set(_CHOSEN_MODEL, name_or_path)


def chosen_model() -> str:
    """The checkpoint asked for last, "" if none was. Raises redis.RedisError when the server can't be reached."""
    name = redis_client().get(_CHOSEN_MODEL) or b""
    return name.decode() if isinstance(name, bytes) else name
