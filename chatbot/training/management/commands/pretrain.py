"""manage.py pretrain --data DIR --tokenizer DIR --output DIR --max-minutes M: train a GPT-2 from nothing."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from transformers import AutoTokenizer

from chatbot.language_model.prompt_format import SpecialTokenFormat, prompt_format_for
from chatbot.training.command_line import (
    TrainingBar,
    add_data_arguments,
    add_run_arguments,
    errors_in_one_line,
    plan_from,
    records_from,
)
from chatbot.training.initialisation import ModelSize
from chatbot.training.pretraining import prepare, pretrain


class Command(BaseCommand):
    """Pre-train on conversations, passages and copying exercises."""

    help = "Pre-train a GPT-2 on a folder of JSON Lines; the best checkpoint lies in OUTPUT/best."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        add_data_arguments(parser)
        add_run_arguments(parser, learning_rate=5e-4, batch_rows=8, row_length=256)
        parser.add_argument("--tokenizer", type=Path, required=True, help="folder made by train_tokenizer")
        parser.add_argument("--max-tokens", type=int, default=3_000_000, help="of the mix; then it starts again")
        parser.add_argument("--layers", type=int, default=6)
        parser.add_argument("--width", type=int, default=512)
        parser.add_argument("--heads", type=int, default=8)
        parser.add_argument("--random-start", action="store_true", help="no wired first weights")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prepare the data, train, and report."""
        plan = plan_from(options, warmup_steps=60, final_learning_rate_share=0.3)
        with errors_in_one_line():
            tokenizer = AutoTokenizer.from_pretrained(str(options["tokenizer"]))
            prompt_format = prompt_format_for(tokenizer)
            if not isinstance(prompt_format, SpecialTokenFormat):
                raise CommandError("The tokenizer lacks our special tokens; make one with train_tokenizer.")
            data = prepare(
                prompt_format,
                records_from(options),
                row_length=options["row_length"],
                max_tokens=options["max_tokens"],
                num_held_out=options["held_out_companies"],
                seed=options["seed"],
            )
            self.stdout.write(f"{data.rows.ids.size} tokens in {len(data.rows)} rows")
            bar = TrainingBar()
            result = pretrain(
                tokenizer,
                data,
                plan,
                options["output"],
                size=ModelSize(options["layers"], options["width"], options["heads"]),
                is_wired=not options["random_start"],
                resume=options["resume"],
                on_step=bar.show,
            )
            bar.close()
        self.stdout.write(f"{result.steps} steps, {result.tokens_seen} tokens, loss {dict(result.validation_losses)}")
