"""`manage.py train_decision`: the reader, which entry answers, or none, and what kind of turn it is."""

import json
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.encoder.encoder import SentenceEncoder, get_encoder
from chatbot.encoder.reader import READER_PATH, PairReader
from chatbot.knowledge.ranker import RANKER_PATH
from chatbot.reply.intent_head import HEAD_PATH
from chatbot.training import companies, decision_head, encoder_layers, two_views
from chatbot.training.command_line import add_text_arguments, errors_in_one_line
from chatbot.training.decision_head import Asked

_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6)
_HELD_OUT_SHARE = 0.2


class Command(BaseCommand):
    help = "Trains the reader, the ranker and the classifier of intents (an hour on two cores)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_text_arguments(parser)
        parser.add_argument("--reader", type=Path, default=READER_PATH)
        parser.add_argument("--ranker", type=Path, default=RANKER_PATH)
        parser.add_argument("--intents", type=Path, default=HEAD_PATH)
        parser.add_argument("--everyday", type=Path, default=companies.EVERYDAY, help="folder of everyday questions")
        parser.add_argument("--only", choices=["everyday", "intents"], default=None, help="leave the rest as it is")

    def handle(self, *args: Any, **options: Any) -> None:
        folder, seed = options["data"], options["seed"]
        encoder = get_encoder()
        with errors_in_one_line():
            if options["only"] is None:
                self._train_reader_and_ranker(options, encoder)
            if options["only"] != "intents":
                self._train_on_everyday_questions(options, encoder)
            if options["only"] == "everyday":
                return
            names = {record["company"] for record in companies.read_kind(folder, "answers")}
            _, held_out = companies.hold_out(sorted(names), share=_HELD_OUT_SHARE, seed=seed)
            _, recalls = decision_head.train_intents(folder, encoder, seed=seed, held_out=held_out)
            self.stdout.write(f"intents on held-out companies, recall: {json.dumps(recalls)}")
            weights, _ = decision_head.train_intents(folder, encoder, seed=seed)
            two_views.save(weights, options["intents"])

    def _train_reader_and_ranker(self, options: dict[str, Any], encoder: SentenceEncoder) -> None:
        seed = options["seed"]
        asked, reader = decision_head.ask_companies(options["data"], encoder, seed=seed, on_company=self.stderr.write)
        encoder_layers.save(reader.state_dict(), options["reader"])
        decision_head.save_ranker(self._train_ranker(asked, seed), options["ranker"])

    def _train_on_everyday_questions(self, options: dict[str, Any], encoder: SentenceEncoder) -> None:
        seed, reader = options["seed"], PairReader(encoder, options["reader"])
        asked = decision_head.ask_everyday(
            options["data"], options["everyday"], encoder, reader, seed=seed, on_company=self.stderr.write
        )
        decision_head.add_to_ranker(self._train_ranker(asked, seed, is_balanced=True), options["ranker"])

    def _train_ranker(
        self, asked: dict[str, list[Asked]], seed: int, *, is_balanced: bool = False
    ) -> list[decision_head.RankerNetworks]:
        """Of all companies, after a trial without some of them, which are reported on."""
        training, held_out = companies.hold_out(list(asked), share=_HELD_OUT_SHARE, seed=seed)
        balance = partial(decision_head.with_share_of_unanswerable, seed=seed) if is_balanced else list
        trial = decision_head.train_ranker(balance(_of(asked, training)), seed=seed)
        report = decision_head.evaluate_ranker(trial, _of(asked, held_out), _THRESHOLDS)
        self.stdout.write(f"ranker on held-out companies: {json.dumps(report)}")
        return decision_head.train_ranker(balance(_of(asked, list(asked))), seed=seed)


def _of(asked: dict[str, list[Asked]], names: list[str]) -> list[Asked]:
    return [one for name in names for one in asked[name]]
