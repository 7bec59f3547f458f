"""`manage.py train_retrieval_adapter`: the residual layer on the sentence encoder, from customers' ways to ask."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.knowledge.embedding import ADAPTER_PATH
from chatbot.training import retrieval_adapter


class Command(BaseCommand):
    help = "Trains the adapter of the sentence embeddings. Takes a few minutes; the same seed gives the same adapter."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--data", type=Path, required=True, help="the folder with answers, paraphrases, ...")
        parser.add_argument("--out", type=Path, default=ADAPTER_PATH)
        parser.add_argument("--seed", type=int, default=0)

    def handle(self, *args: Any, **options: Any) -> None:
        self.stderr.write("embedding the texts ...")
        companies = retrieval_adapter.load_companies(options["data"])
        self.stderr.write(f"{len(companies)} companies, {sum(len(c.queries) for c in companies)} questions")
        num_epochs, curve = retrieval_adapter.choose_epochs(companies, seed=options["seed"])
        shares = ", ".join(f"{100 * share:.1f}" for share in curve)
        self.stdout.write(f"right entry first on held-out companies after 0, 1, 2, ... epochs: {shares} %")
        adapter = retrieval_adapter.train(companies, num_epochs=num_epochs, seed=options["seed"])
        retrieval_adapter.save(adapter, options["out"])
        self.stdout.write(f"trained on all companies for {num_epochs} epochs: {options['out']}")
