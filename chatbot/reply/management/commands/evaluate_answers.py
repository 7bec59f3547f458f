"""`manage.py evaluate_answers`: answers labelled cases with the real pipeline and scores the replies.

Several knowledge bases may be given by repeating --answers and --cases in the same order.
"""

import csv
import json
from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chatbot.knowledge.csv_format import AnswersFileError
from chatbot.language_model.backends import TextGenerator, local_generator
from chatbot.reply.calibration import bins_of, calibration_error, write_plot
from chatbot.reply.cases import answer_cases, index_of_file, read_json_lines
from chatbot.reply.scoring import MEASURES, Case, ReplyLine, Verdict, judge, latencies, summarise

_TITLES = {"ok": "right", "source_ok": "source", "facts_ok": "facts"}


class Command(BaseCommand):
    help = "Scores the bot's answers on labelled cases, by kind of case."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--answers", type=Path, action="append", required=True, metavar="KB.csv")
        parser.add_argument("--cases", type=Path, action="append", required=True, metavar="CASES.jsonl")
        parser.add_argument("--replies", type=Path, action="append", help="score these instead of answering")
        parser.add_argument("--out", type=Path, help="a folder for the replies, one file per knowledge base")
        parser.add_argument("--checkpoint", default=settings.CHECKPOINT)
        parser.add_argument("--no-generation", action="store_true", help="approved texts only, without the GPT-2")
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
        parser.add_argument("--plot", type=Path, metavar="SVG", help="draw how far the probabilities can be believed")
        parser.add_argument("--show", type=int, default=0, metavar="N", help="print the first N wrong cases")

    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["answers"]) != len(options["cases"]):
            raise CommandError("Give one --cases for each --answers, in the same order.")
        judged: list[tuple[Case, ReplyLine, Verdict]] = []
        is_answering = not options["no_generation"] and not options["replies"]
        loaded = local_generator(options["checkpoint"]) if is_answering else nullcontext(None)
        with loaded as generator:
            for number in range(len(options["answers"])):
                try:
                    judged += self._judge(number, options, generator)
                except (OSError, ValueError, AnswersFileError) as error:
                    raise CommandError(f"{options['answers'][number]}: can't be evaluated.\n{error}") from error
        self._print(judged, options)

    def _judge(
        self, number: int, options: dict[str, Any], generator: TextGenerator | None
    ) -> list[tuple[Case, ReplyLine, Verdict]]:
        answers, cases = options["answers"][number], read_json_lines(options["cases"][number])
        if options["replies"]:
            replies = read_json_lines(options["replies"][number])
        else:
            replies = list(answer_cases(cases, index_of_file(answers), generator))
        if options["out"]:
            options["out"].mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(reply, ensure_ascii=False) + "\n" for reply in replies]
            (options["out"] / f"{answers.stem}.replies.jsonl").write_text("".join(lines), encoding="utf-8")
        by_id = {reply["id"]: reply for reply in replies}
        text = _all_cells(answers)
        found = [(case, by_id.get(case["id"], {})) for case in cases]
        return [(case, reply, judge(case, reply, text)) for case, reply in found]

    def _print(self, judged: list[tuple[Case, ReplyLine, Verdict]], options: dict[str, Any]) -> None:
        groups = summarise((case, verdict) for case, _, verdict in judged)
        num_missing = sum(not reply for _, reply, _ in judged)
        steps = latencies(reply for _, reply, _ in judged)
        bins = bins_of(
            (reply["found"][0]["score"], verdict.first) for _, reply, verdict in judged if reply.get("found")
        )
        if options["plot"]:
            write_plot(bins, options["plot"], title="How far the first entry's probability can be believed")
        if options["json"]:
            result = {
                "missing": num_missing,
                "groups": groups,
                "latency_ms": steps,
                "calibration": calibration_error(bins),
            }
            self.stdout.write(json.dumps(result, ensure_ascii=False))
            return
        self.stdout.write(f"{'group':<16}{'n':>5}" + "".join(f"{_TITLES.get(m, m):>10}" for m in MEASURES))
        for group, rates in groups.items():
            self.stdout.write(f"{group:<16}{rates['n']:>5}" + "".join(f"{rates[m]:>10.1%}" for m in MEASURES))
        generated = [reply for _, reply, _ in judged if reply.get("origin") == "generated"]
        self.stdout.write(f"missing replies: {num_missing}; phrased by the model: {len(generated)}")
        self.stdout.write(f"calibration error of the first entry's probability: {calibration_error(bins):.3f}")
        for step, taken in steps.items():
            self.stdout.write(f"{step:<16}{taken['n']:>5}  p50 {taken['p50']:>6.1f} ms  p95 {taken['p95']:>6.1f} ms")
        self._show([entry for entry in judged if not entry[2].ok][: options["show"]])

    def _show(self, judged: list[tuple[Case, ReplyLine, Verdict]]) -> None:
        for case, reply, verdict in judged:
            self.stdout.write(
                f"--- {case['id']} ({case['kind']}) {case['question']}\n{case['expect']}\n{reply}\n{verdict}"
            )


def _all_cells(path: Path) -> str:
    """Every cell of the file as one text: what a reply may quote."""
    with path.open(encoding="utf-8", newline="") as file:
        return " ".join(" ".join(row.values()) for row in csv.DictReader(file))
