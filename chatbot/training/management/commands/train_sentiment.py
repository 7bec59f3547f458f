"""`manage.py train_sentiment`: the sentiment of customer messages, in both languages."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.encoder.encoder import get_encoder
from chatbot.sentiment.classifier import WEIGHTS_PATH
from chatbot.training import companies, sentiment, two_views
from chatbot.training.command_line import errors_in_one_line


class Command(BaseCommand):
    help = "Trains the sentiment classifier and says what topics that were held out gave. Takes some minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, default=companies.TEXTS, help="folder with sentiment.jsonl.xz")
        parser.add_argument("--out", type=Path, default=WEIGHTS_PATH)
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        seed = options["seed"]
        with errors_in_one_line():
            texts, is_held_out = sentiment.read_texts(options["data"], get_encoder())
        training, held_out = (
            texts.part([number for number, flag in enumerate(is_held_out) if flag is wanted])
            for wanted in (False, True)
        )
        trial = sentiment.train(training, seed=seed)
        temperature = two_views.best_temperature(sentiment.logits_of(trial, held_out), held_out.labels)
        scores = sentiment.judge(two_views.cooled(trial, temperature), held_out)
        self.stdout.write(f"held out, temperature {temperature:.2f}: {json.dumps(asdict(scores))}")
        two_views.save(two_views.cooled(sentiment.train(texts, seed=seed), temperature), options["out"])
        self.stdout.write(f"{options['out']}: trained on all {len(texts.texts)} texts")
