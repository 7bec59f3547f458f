"""The entry of the Celery workers: `celery -A workers.celery_app worker -Q replies|analysis -P threads`.

Owns the start-up of Django and of the model in a worker process; the app object itself is `chatbot.queue.app`. Beat
needs only the names of tasks and no model: run it as `celery -A chatbot.queue beat`.

Database connections: a task thread keeps its own, for to make one costs more than most queries. Celery's Django fixup,
on because DJANGO_SETTINGS_MODULE is set before the app is made, closes those that are unusable or have expired before
and after each task.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
os.environ.setdefault("DATABASE_CONN_MAX_AGE", "600")

import django

django.setup()

from chatbot.queue import app  # noqa: E402  (models can be imported only now)
from workers import engine_host, tasks  # noqa: E402

engine_host.install()

__all__ = ["app", "tasks"]
