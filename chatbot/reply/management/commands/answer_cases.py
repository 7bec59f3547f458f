"""`manage.py answer_cases`: the real reply pipeline over labelled cases, in a throw-away knowledge base."""

import json
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatbot.knowledge.csv_format import AnswersFileError
from chatbot.language_model.backends import local_generator
from chatbot.reply.cases import answer_cases, index_of_file, read_json_lines


class Command(BaseCommand):
    help = "Answers every case of a file and writes one reply a line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--answers", type=Path, required=True, metavar="KB.csv")
        parser.add_argument("--cases", type=Path, required=True, metavar="CASES.jsonl")
        parser.add_argument("--out", type=Path, required=True, metavar="REPLIES.jsonl")
        parser.add_argument("--checkpoint", default=settings.CHECKPOINT)
        parser.add_argument("--no-generation", action="store_true", help="approved texts only, without the GPT-2")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            knowledge, cases = index_of_file(options["answers"]), read_json_lines(options["cases"])
        except (OSError, ValueError, AnswersFileError) as error:
            raise CommandError(f"The files can't be read.\n{error}") from error
        loaded = nullcontext(None) if options["no_generation"] else local_generator(options["checkpoint"])
        with loaded as generator, options["out"].open("w", encoding="utf-8") as out:
            for number, line in enumerate(answer_cases(cases, knowledge, generator), start=1):
                out.write(json.dumps(line, ensure_ascii=False) + "\n")
                if number % 25 == 0 or number == len(cases):
                    self.stderr.write(f"{number} of {len(cases)} answered")
