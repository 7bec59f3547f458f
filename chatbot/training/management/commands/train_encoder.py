"""`manage.py train_encoder`: the sentence encoder's upper layers, from customers' ways to ask."""

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
        parser.add_argument("--hold-out", type=float, default=0.0, metavar="SHARE", help="judge on companies left out")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.basicConfig(level=logging.INFO)
        seed = options["seed"]
        with errors_in_one_line():
            texts = companies.load_company_texts(options["data"])
        encoder = get_encoder()
        self.stderr.write(f"reading {sum(len(t.queries) + len(t.passages) for t in texts)} texts ...")
        states = encoder_layers.read_states(texts, encoder_layers.TextStates(encoder))
        held_out: list[str] = []
        if options["hold_out"]:
            _, held_out = companies.hold_out([t.name for t in texts], share=options["hold_out"], seed=seed)
        judged = [one for one in states if one.texts.name in held_out]
        trained = [one for one in states if one.texts.name not in held_out]
        published = layers = encoder.read_published()
        if judged:
            self._report(0, encoder_layers.rank_shares(published, judged))
        epochs = encoder_layers.train(trained, published, num_epochs=options["epochs"], seed=seed)
        for number, layers in enumerate(epochs, start=1):
            if judged:
                self._report(number, encoder_layers.rank_shares(layers, judged))
        encoder_layers.save(layers.state_dict(), options["out"])
        self.stdout.write(f"{options['out']}: trained on {len(trained)} companies")

    def _report(self, epoch: int, shares: tuple[float, float]) -> None:
        self.stdout.write(f"after epoch {epoch}: held out first {shares[0]:.1%}, in three {shares[1]:.1%}")
