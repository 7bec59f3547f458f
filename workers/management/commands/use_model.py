"""`manage.py use_model FOLDER`: the running reply workers answer with another checkpoint, without a restart."""

import time
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from chatbot import queue
from chatbot.language_model.checkpoints import CheckpointError, load_checkpoint

_LOOK_EVERY_S = 0.5


class Command(BaseCommand):
    help = "Makes the reply workers answer with this checkpoint; without one, with that of KEFU_CHECKPOINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checkpoint", nargs="?", default="", help="a Hugging Face folder or hub id of a GPT-2")
        parser.add_argument("--timeout", type=float, default=120.0, help="seconds to wait for the workers")

    def handle(self, *args: Any, checkpoint: str, timeout: float, **options: Any) -> None:
        if checkpoint and Path(checkpoint).is_dir():
            checkpoint = str(Path(checkpoint).resolve())  # the workers may run in another folder
        name = checkpoint or settings.CHECKPOINT
        try:
            version = load_checkpoint(name).version
            queue.choose_model(checkpoint)
            self._wait(name, timeout)
        except CheckpointError as error:
            raise CommandError(f"{error} The model that answers was not changed.") from error
        except redis.RedisError as error:
            raise CommandError(f"Redis can't be reached ({error}). The model that answers was not changed.") from error
        self.stdout.write(f"every reply worker answers with {version}")

    def _wait(self, name: str, timeout_s: float) -> None:
        end = time.monotonic() + timeout_s
        while True:
            workers = queue.ready_workers("reply")
            errors = [str(worker["model_error"]) for worker in workers if worker.get("model_error")]
            arrived = [worker for worker in workers if worker.get("model") == name]
            if arrived and errors:
                raise CommandError(f"A worker can't load it, the old model goes on there: {errors[0]}")
            if workers and len(arrived) == len(workers):
                return
            if time.monotonic() > end:
                raise CommandError(f"{len(arrived)} of {len(workers)} reply workers follow; the choice is kept.")
            time.sleep(_LOOK_EVERY_S)
