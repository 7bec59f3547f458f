"""manage.py train_tokenizer --data DIR --output DIR: train the byte-level BPE tokenizer."""

from __future__ import annotations

import random
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from chatbot.training.command_line import add_data_arguments, errors_in_one_line, records_from
from chatbot.training.tokenizer_training import VOCABULARY_SIZE, balanced_texts, save_tokenizer, train_tokenizer


class Command(BaseCommand):
    """Train a tokenizer on about equal amounts of English and Chinese."""

    help = "Train a byte-level BPE tokenizer on a folder of JSON Lines."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        add_data_arguments(parser)
        parser.add_argument("--output", type=Path, required=True, help="folder for the tokenizer")
        parser.add_argument("--vocabulary-size", type=int, default=VOCABULARY_SIZE)
        parser.add_argument("--max-characters", type=int, default=5_000_000, help="per language")
        parser.add_argument("--seed", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        """Train and save."""
        with errors_in_one_line():
            records = records_from(options)
            random.Random(options["seed"]).shuffle(records)
            texts = balanced_texts(
                tqdm(records, unit=" records"), max_characters_per_language=options["max_characters"]
            )
            tokenizer = train_tokenizer(texts, vocabulary_size=options["vocabulary_size"])
            save_tokenizer(tokenizer, options["output"])
        self.stdout.write(f"{len(tokenizer)} tokens in {options['output']}")
