"""`manage.py train_decision`: the reader, which entry answers, or none, and what kind of turn it is."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.encoder.encoder import SentenceEncoder, get_encoder
from chatbot.encoder.reader import READER_PATH
from chatbot.knowledge.ranker import RANKER_PATH
from chatbot.reply.intent_head import HEAD_PATH
from chatbot.training import companies, decision_head, encoder_layers, two_views
from chatbot.training.command_line import add_text_arguments, errors_in_one_line

_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
_HELD_OUT_SHARE = 0.2


class Command(BaseCommand):
    help = "Trains the reader, the ranker and the classifier of intents (an hour on two cores)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_text_arguments(parser)
        parser.add_argument("--reader", type=Path, default=READER_PATH)
        parser.add_argument("--ranker", type=Path, default=RANKER_PATH)
        parser.add_argument("--intents", type=Path, default=HEAD_PATH)
        parser.add_argument("--only", choices=["intents"], default=None, help="leave reader and ranker as they are")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, seed = options["data"], options["seed"]
        encoder = get_encoder()
        with errors_in_one_line():
            if options["only"] != "intents":
                self._train_ranker(options, encoder)
            names = {record["company"] for record in companies.read_kind(folder, "answers")}
            _, held_out = companies.hold_out(sorted(names), share=_HELD_OUT_SHARE, seed=seed)
            _, recalls = decision_head.train_intents(folder, encoder, seed=seed, held_out=held_out)
            self.stdout.write(f"intents on held-out companies, recall: {json.dumps(recalls)}")
            weights, _ = decision_head.train_intents(folder, encoder, seed=seed)
            two_views.save(weights, options["intents"])

    def _train_ranker(self, options: dict[str, Any], encoder: SentenceEncoder) -> None:
        seed = options["seed"]
        asked, reader = decision_head.ask_companies(options["data"], encoder, seed=seed, on_company=self.stderr.write)
        encoder_layers.save(reader.state_dict(), options["reader"])
        training, held_out = companies.hold_out(list(asked), share=_HELD_OUT_SHARE, seed=seed)
        trial = decision_head.train_ranker(_of(asked, training), seed=seed)
        report = decision_head.evaluate_ranker(trial, _of(asked, held_out), _THRESHOLDS)
        self.stdout.write(f"ranker on held-out companies: {json.dumps(report)}")
        decision_head.save_ranker(decision_head.train_ranker(_of(asked, list(asked)), seed=seed), options["ranker"])


def _of(asked: dict[str, list[decision_head.Asked]], names: list[str]) -> list[decision_head.Asked]:
    return [one for name in names for one in asked[name]]
