"""manage.py evaluate_model --data DIR [--checkpoint DIR] [--samples FILE]: the numbers of a checkpoint."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from tqdm import tqdm

from chatbot.language_model.checkpoints import load_checkpoint
from chatbot.training.command_line import add_data_arguments, errors_in_one_line, records_from
from chatbot.training.evaluation import evaluate_model


class Command(BaseCommand):
    """Print the numbers of a checkpoint on held-out companies as JSON."""

    help = "Measure a checkpoint on the companies that training holds out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        add_data_arguments(parser)
        parser.add_argument("--checkpoint", default=settings.CHECKPOINT)
        parser.add_argument("--max-per-kind", type=int, default=100, help="generated texts per kind and language")
        parser.add_argument(
            "--samples", type=Path, default=None, help="write every generated text to this JSON Lines file"
        )
        parser.add_argument("--device", default="cpu")

    def handle(self, *args: Any, **options: Any) -> None:
        """Measure and print."""
        with errors_in_one_line(), tqdm(unit=" texts") as bar:
            checkpoint = load_checkpoint(options["checkpoint"], device=options["device"])
            records = records_from(options)

            def show(done: int, total: int) -> None:
                bar.total, bar.n = total, done
                bar.refresh()

            scores, samples = evaluate_model(
                checkpoint,
                records,
                num_held_out=options["held_out_companies"],
                max_per_kind=options["max_per_kind"],
                on_text=show,
            )
            report = asdict(scores)
        if options["samples"] is not None:
            lines = [json.dumps(asdict(sample), ensure_ascii=False) for sample in samples]
            options["samples"].write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False))
