"""`manage.py train_sentiment`: the sentiment of customer messages, in both languages."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.encoder.encoder import get_encoder
from chatbot.sentiment.classifier import WEIGHTS_PATH
from chatbot.training import sentiment, two_views
from chatbot.training.command_line import add_text_arguments, errors_in_one_line


class Command(BaseCommand):
    help = "Trains the sentiment classifier and says what topics that were held out gave. Takes some minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_text_arguments(parser)
        parser.add_argument("--out", type=Path, default=WEIGHTS_PATH)

    def handle(self, *args: Any, **options: Any) -> None:
        seed = options["seed"]
        with errors_in_one_line():
            moods, pairs = sentiment.read_moods(options["data"], get_encoder())
        training, held_out = moods.part(held_out=False), moods.part(held_out=True)
        trial = sentiment.train(training, pairs.part(held_out=False), seed=seed)
        logits = two_views.logits_of(trial, held_out.examples)
        temperature = two_views.best_temperature(logits, held_out.examples.labels)
        for name, part in (("texts", held_out), ("pairs", pairs.part(held_out=True))):
            scores = sentiment.judge(two_views.cooled(trial, temperature), part)
            self.stdout.write(f"{name} held out, temperature {temperature:.2f}: {json.dumps(asdict(scores))}")
        two_views.save(two_views.cooled(sentiment.train(moods, pairs, seed=seed), temperature), options["out"])
        self.stdout.write(f"{options['out']}: trained on all texts and pairs")
