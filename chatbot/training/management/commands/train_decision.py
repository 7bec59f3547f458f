"""`manage.py train_decision`: which entry answers, or none, and what kind of turn it is."""

import json
import random
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.knowledge.ranker import RANKER_PATH
from chatbot.reply.intent_head import HEAD_PATH
from chatbot.training import decision_head

_THRESHOLDS = (0.3, 0.4, 0.5, 0.6)
_HELD_OUT_SHARE = 0.2


class Command(BaseCommand):
    help = "Trains the ranker and the classifier of intents. Takes a few minutes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="the folder with answers, paraphrases, ...")
        parser.add_argument("--ranker", type=Path, default=RANKER_PATH)
        parser.add_argument("--intents", type=Path, default=HEAD_PATH)
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        folder, seed = options["data"], options["seed"]
        embedder = decision_head.CachingEmbedder()
        asked = decision_head.ask_companies(folder, embedder, seed=seed, on_company=self.stderr.write)
        names = random.Random(seed).sample(sorted(asked), len(asked))
        num_held_out = max(1, round(_HELD_OUT_SHARE * len(names)))
        held_out = names[:num_held_out]
        trial = decision_head.train_ranker(_of(asked, names[num_held_out:]), seed=seed)
        report = decision_head.evaluate_ranker(trial, _of(asked, held_out), _THRESHOLDS)
        self.stdout.write(f"ranker on held-out companies: {json.dumps(report)}")
        decision_head.save_ranker(decision_head.train_ranker(_of(asked, names), seed=seed), options["ranker"])
        _, recalls = decision_head.train_intents(folder, embedder, seed=seed, held_out=held_out)
        self.stdout.write(f"intents on held-out companies, recall: {json.dumps(recalls)}")
        layer, _ = decision_head.train_intents(folder, embedder, seed=seed)
        decision_head.save_intents(layer, options["intents"])


def _of(asked: dict[str, list[decision_head.Asked]], names: list[str]) -> list[decision_head.Asked]:
    return [one for name in names for one in asked[name]]
