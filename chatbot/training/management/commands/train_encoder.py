"""`manage.py train_encoder`: the sentence encoder's upper layers, from customers' ways to ask.

The companies that the ranker learns from are left out, and judge.
"""

import logging
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.encoder.encoder import UPPER_PATH, get_encoder
from chatbot.training import companies, encoder_layers
from chatbot.training.command_line import add_text_arguments, errors_in_one_line


class Command(BaseCommand):
    help = "Trains the upper layers of the sentence encoder (ten to twenty minutes on two cores)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_text_arguments(parser)
        parser.add_argument("--out", type=Path, default=UPPER_PATH)
        parser.add_argument("--epochs", type=int, default=encoder_layers.NUM_EPOCHS)

    def handle(self, *args: Any, **options: Any) -> None:
        logging.basicConfig(level=logging.INFO)
        seed = options["seed"]
        with errors_in_one_line():
            texts = companies.load_company_texts(options["data"])
            training, _ = companies.split_for_ranker([one.name for one in texts])
        encoder = get_encoder()
        self.stderr.write(f"reading {sum(len(t.queries) + len(t.passages) for t in texts)} texts ...")
        states = encoder_layers.read_states(texts, encoder_layers.TextStates(encoder))
        trained = [one for one in states if one.texts.name in training]
        judged = [one for one in states if one.texts.name not in training]
        published = layers = encoder.read_published()
        self._report(0, encoder_layers.rank_shares(published, judged))
        epochs = encoder_layers.train(trained, published, num_epochs=options["epochs"], seed=seed)
        for number, layers in enumerate(epochs, start=1):
            self._report(number, encoder_layers.rank_shares(layers, judged))
        encoder_layers.save(layers.state_dict(), options["out"])
        self.stdout.write(f"{options['out']}: trained on {len(trained)} companies")

    def _report(self, epoch: int, shares: tuple[float, float]) -> None:
        self.stdout.write(f"after epoch {epoch}: held out first {shares[0]:.1%}, in three {shares[1]:.1%}")
