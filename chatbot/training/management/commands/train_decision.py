"""`manage.py train_decision`: the reader, which entry answers, or none, and what kind of turn it is."""

import json
import logging
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.encoder.encoder import SentenceEncoder, get_encoder
from chatbot.encoder.reader import READER_PATH, PairReader
from chatbot.knowledge.ranker import RANKER_PATH
from chatbot.reply.intent_head import HEAD_PATH
from chatbot.training import asking, companies, encoder_layers, intents, ranker, reader_layers, two_views
from chatbot.training.command_line import add_text_arguments, errors_in_one_line

_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
_PARTS = ("reader", "ranker", "intents")


class Command(BaseCommand):
    help = (
        "Trains the reader, the ranker and the classifier of intents (75 minutes on two cores), for the encoder that "
        "train_encoder made from the same texts."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_text_arguments(parser)
        parser.add_argument("--reader", type=Path, default=READER_PATH)
        parser.add_argument("--ranker", type=Path, default=RANKER_PATH)
        parser.add_argument("--intents", type=Path, default=HEAD_PATH)
        parser.add_argument("--only", choices=_PARTS, default=None, help="leave the others as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        logging.basicConfig(level=logging.INFO)
        parts = [options["only"]] if options["only"] else _PARTS
        encoder = get_encoder()
        with errors_in_one_line():
            names = sorted({record["company"] for record in companies.read_kind(options["data"], "answers")})
            training, others = companies.split_for_ranker(names)
            if "reader" in parts:
                self._train_reader(options, encoder, training)
            if "ranker" in parts:
                self._train_ranker(options, encoder, others)
            if "intents" in parts:
                self._train_intents(options, encoder, training, others)

    def _train_reader(self, options: dict[str, Any], encoder: SentenceEncoder, names: list[str]) -> None:
        states, layers = encoder_layers.TextStates(encoder), encoder.read_trained()
        searched_with = encoder_layers.TrainedEncoder(states, layers)
        readings = asking.read_companies(options["data"], names, searched_with, seed=options["seed"])
        self.stderr.write(f"{len(readings)} questions to read ...")
        reader = reader_layers.train(
            readings, states, layers, num_epochs=reader_layers.NUM_EPOCHS, seed=options["seed"]
        )
        encoder_layers.save(reader.state_dict(), options["reader"])

    def _train_ranker(self, options: dict[str, Any], encoder: SentenceEncoder, names: list[str]) -> None:
        """From companies that encoder and reader don't know; trials without some of them are reported on."""
        seed, reader = options["seed"], PairReader(encoder, options["reader"])
        asked = asking.ask_companies(options["data"], names, encoder, reader, seed=seed, on_company=self.stderr.write)
        report = ranker.cross_validate(asked, _THRESHOLDS, seed=seed)
        self.stdout.write(f"ranker on companies new to it: {json.dumps(report)}")
        networks = ranker.train([one for own in asked.values() for one in own], seed=seed)
        ranker.save(networks, options["ranker"])

    def _train_intents(
        self, options: dict[str, Any], encoder: SentenceEncoder, training: list[str], held_out: list[str]
    ) -> None:
        seed = options["seed"]
        turns = intents.read_turns(options["data"], encoder, seed=seed)
        trial = intents.train(turns.of(training), seed=seed)
        self.stdout.write(
            f"intents on held-out companies, recall: {json.dumps(intents.recalls(trial, turns.of(held_out)))}"
        )
        two_views.save(intents.train(turns.examples, seed=seed), options["intents"])
