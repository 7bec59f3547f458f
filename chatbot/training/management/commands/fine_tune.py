"""manage.py fine_tune --data DIR --checkpoint DIR --output DIR --max-minutes M: train a checkpoint for the task."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from chatbot.language_model.checkpoints import load_checkpoint
from chatbot.language_model.prompt_format import SpecialTokenFormat
from chatbot.training.command_line import (
    TrainingBar,
    add_data_arguments,
    add_run_arguments,
    errors_in_one_line,
    plan_from,
    publish,
    records_from,
)
from chatbot.training.fine_tuning import fine_tune, prepare


class Command(BaseCommand):
    """Fine-tune for answering from passages, rewriting, refusing and small talk."""

    help = "Fine-tune a checkpoint; the best one lies in OUTPUT/best."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        add_data_arguments(parser)
        add_run_arguments(parser, learning_rate=4e-4, batch_rows=6, row_length=384)
        parser.add_argument("--checkpoint", required=True, help="folder to start from")
        parser.add_argument("--epochs", type=int, default=6, help="differently rendered epochs; then they start again")
        parser.add_argument("--publish", type=Path, default=None, help="copy the best checkpoint to this folder")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fine-tune and, where it is asked for, publish."""
        with errors_in_one_line():
            self._fine_tune(options)
            if options["publish"] is not None:
                publish(options["output"] / "best", options["publish"])

    def _fine_tune(self, options: dict[str, Any]) -> None:
        plan = plan_from(options, warmup_steps=30)
        checkpoint = load_checkpoint(options["checkpoint"], device=options["device"])
        if not isinstance(checkpoint.prompt_format, SpecialTokenFormat):
            raise CommandError("This checkpoint lacks our special tokens; start from one made by pretrain.")
        data = prepare(
            checkpoint.prompt_format,
            records_from(options),
            row_length=options["row_length"],
            num_epochs=options["epochs"],
            num_held_out=options["held_out_companies"],
            seed=options["seed"],
        )
        self.stdout.write(f"{data.rows.ids.size} tokens, {data.num_tokens_to_learn} of them to be learned")
        bar = TrainingBar()
        result = fine_tune(checkpoint, data, plan, options["output"], resume=options["resume"], on_step=bar.show)
        bar.close()
        self.stdout.write(f"{result.steps} steps, {result.tokens_seen} tokens, loss {dict(result.validation_losses)}")
