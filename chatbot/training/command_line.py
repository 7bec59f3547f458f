"""Owns what the training commands share: their arguments, errors in one line, and the progress bar."""

from __future__ import annotations

import shutil
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from tqdm import tqdm

from chatbot.language_model.checkpoints import CheckpointError
from chatbot.training.companies import TEXTS
from chatbot.training.datasets import NUM_HELD_OUT_COMPANIES, DatasetError, Record, read_records
from chatbot.training.trainer import Progress, TrainingPlan


def add_data_arguments(parser: ArgumentParser) -> None:
    """Add the arguments that choose the data: a folder, which of its files, how much of each."""
    default = getattr(settings, "TRAINING_DATA", "") or None
    parser.add_argument(
        "--data", type=Path, default=default, required=default is None, help="folder with *.jsonl or *.jsonl.xz files"
    )
    parser.add_argument(
        "--exclude", action="append", default=[], metavar="WORD", help="leave out files with this word in their path"
    )
    parser.add_argument(
        "--include", action="append", default=[], metavar="WORD", help="take only files with this word in their path"
    )
    parser.add_argument("--max-per-file", type=int, default=None, help="take a random sample of longer files")
    parser.add_argument("--whole", action="append", default=[], metavar="WORD", help="but not of files with this word")
    parser.add_argument("--held-out-companies", type=int, default=NUM_HELD_OUT_COMPANIES, help="kept for validation")


def add_text_arguments(parser: ArgumentParser) -> None:
    """Add the folder of the texts written for Kefu, and the seed: what training on them repeats with."""
    parser.add_argument("--data", type=Path, default=TEXTS, help="folder with answers, paraphrases, sentiment, ...")
    parser.add_argument("--seed", type=int, default=0)


def add_run_arguments(parser: ArgumentParser, *, learning_rate: float, batch_rows: int, row_length: int) -> None:
    """Add the arguments of a training run."""
    parser.add_argument(
        "--output", type=Path, required=True, help="folder for the run's state, log and best checkpoint"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--max-minutes", type=float, default=None, help="end after this time (the schedule follows)")
    parser.add_argument("--max-steps", type=int, default=None, help="end after these steps (repeats exactly by seed)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --output")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--learning-rate", type=float, default=learning_rate)
    parser.add_argument("--batch-rows", type=int, default=batch_rows)
    parser.add_argument("--row-length", type=int, default=row_length, help="tokens per row")
    parser.add_argument("--evaluate-every", type=int, default=200, metavar="STEPS")


def plan_from(options: dict[str, Any], **changes: Any) -> TrainingPlan:
    """Return the plan that the arguments ask for. Raises `CommandError` when they set no end."""
    if options["max_steps"] is None and options["max_minutes"] is None:
        raise CommandError("Say how long: --max-steps or --max-minutes.")
    return TrainingPlan(
        batch_rows=options["batch_rows"],
        peak_learning_rate=options["learning_rate"],
        max_steps=options["max_steps"],
        max_minutes=options["max_minutes"],
        evaluate_every_steps=options["evaluate_every"],
        seed=options["seed"],
        device=options["device"],
        **changes,
    )


def records_from(options: dict[str, Any]) -> list[Record]:
    """Return the records that the arguments ask for."""
    return read_records(
        Path(options["data"]),
        include=options["include"],
        exclude=options["exclude"],
        max_per_file=options["max_per_file"],
        whole=options["whole"],
        seed=options.get("seed", 1),
    )


def publish(best: Path, target: Path) -> None:
    """Copy the files of a checkpoint over an older one in `target`; other files there (a model card) stay."""
    target.mkdir(parents=True, exist_ok=True)
    for path in sorted(best.iterdir()):
        shutil.copy2(path, target / path.name)


@contextmanager
def errors_in_one_line() -> Iterator[None]:
    """Turn the errors that a user can mend into a command's error line."""
    try:
        yield
    except (CheckpointError, DatasetError) as error:
        raise CommandError(str(error)) from error


class TrainingBar:
    """A progress bar of a training run, counted in thousandths of the way to its end."""

    def __init__(self) -> None:
        self._bar = tqdm(total=1000, unit="‰", dynamic_ncols=True, mininterval=1.0)

    def show(self, progress: Progress) -> None:
        """Show a step's loss, rate and speed."""
        self._bar.n = int(progress.share_done * 1000)
        speed = progress.tokens_seen / max(progress.elapsed_s, 1e-3)
        self._bar.set_postfix(step=progress.step, loss=f"{progress.loss:.3f}", tokens_per_s=int(speed))

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._bar.close()
