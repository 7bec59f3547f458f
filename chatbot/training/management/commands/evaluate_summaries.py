"""`manage.py evaluate_summaries [FILE]`: key facts kept by the summaries that need no bigger model, at which length."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from chatbot.assist.key_points import SHARE
from chatbot.training.command_line import errors_in_one_line
from chatbot.training.companies import TEXTS
from chatbot.training.datasets import read_file
from chatbot.training.summaries import fit_weights, measure_summaries


class Command(BaseCommand):
    help = "Measures the summaries of a file of conversations with key facts; prints a JSON line for each share."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", default=TEXTS / "summaries.jsonl.xz")
        parser.add_argument(
            "--share", type=float, action="append", help="of the conversation's length; may be repeated"
        )
        parser.add_argument("--fit", action="store_true", help="print the words' weights fitted on the file instead")

    def handle(self, *args: Any, **options: Any) -> None:
        with errors_in_one_line():
            records = list(read_file(options["file"]))
        if options["fit"]:
            self.stdout.write(json.dumps(fit_weights(records)))
            return
        for share in options["share"] or [SHARE]:
            self.stdout.write(json.dumps({"share": share} | measure_summaries(records, share=share)))
