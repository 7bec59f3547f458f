"""`evaluate_summaries`: over conversations made up for the test, and over the training texts."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chatbot.assist.key_points import WEIGHTS

RECORD = {
    "language": "en",
    "turns": [
        {"role": "customer", "text": "My lamp LX-204 is broken."},
        {"role": "bot", "text": "I'm sorry to hear that. What is wrong with it?"},
        {"role": "agent", "text": "We'll send a new one on Tuesday."},
    ],
    "key_facts": [["LX-204"], ["on Tuesday", "Tuesday"], ["purple"], ["LX-20"]],
}


def run(*arguments):
    out = StringIO()
    call_command("evaluate_summaries", *arguments, stdout=out, skip_checks=True)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_fact_is_kept_in_any_of_its_spellings_but_not_in_a_longer_number(tmp_path):
    path = tmp_path / "summaries.jsonl"
    path.write_text(json.dumps(RECORD), encoding="utf-8")
    line, _ = run(path, "--share", "0.6", "--share", "0.3")
    assert line["share"] == 0.6
    assert (line["en"]["facts"], line["en"]["kept"], line["all"]["n"]) == (4, 0.5, 1)
    assert line["en"]["length"] <= 0.6
    with pytest.raises(CommandError, match="not a JSON object"):
        path.write_text("[]")
        run(path)


def test_on_the_training_texts_most_facts_are_kept_in_both_languages_and_nothing_is_invented():
    (line,) = run()
    assert line["all"]["invented"] == 0
    assert all(line[language]["kept"] > 0.88 and line[language]["length"] <= 0.57 for language in ("en", "zh"))


def test_the_weights_in_use_are_those_fitted():
    assert run("--fit") == [pytest.approx(dict(WEIGHTS), abs=0.011)]
