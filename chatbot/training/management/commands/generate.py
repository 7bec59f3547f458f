"""manage.py generate TEXT: continue a text with any checkpoint."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatbot.language_model.checkpoints import load_checkpoint
from chatbot.language_model.generation import continue_text
from chatbot.training.command_line import errors_in_one_line


class Command(BaseCommand):
    """Continue a text; what a bare language model says is no answer to a customer."""

    help = 'Continue a text: manage.py generate "AI大语言模型的商业价值" --max-length 100 --num-return-sequences 1'

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("text")
        parser.add_argument("--max-length", type=int, default=100, help="tokens in all, the given text's included")
        parser.add_argument("--num-return-sequences", type=int, default=1)
        parser.add_argument("--checkpoint", default=settings.CHECKPOINT, help="folder or hub id of a GPT-2")
        parser.add_argument("--temperature", type=float, default=0.8, help="0 takes the likeliest token each time")
        parser.add_argument("--top-p", type=float, default=0.95)
        parser.add_argument("--seed", type=int, default=0)
        parser.add_argument("--device", default="cpu")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, continue and print, an empty line between two texts."""
        if options["max_length"] < 1 or options["num_return_sequences"] < 1:
            raise CommandError("--max-length and --num-return-sequences must be at least 1.")
        with errors_in_one_line():
            texts = continue_text(
                load_checkpoint(options["checkpoint"], device=options["device"]),
                options["text"],
                max_length=options["max_length"],
                num_return_sequences=options["num_return_sequences"],
                temperature=options["temperature"],
                top_p=options["top_p"],
                seed=options["seed"],
            )
        self.stdout.write("\n\n".join(texts))
