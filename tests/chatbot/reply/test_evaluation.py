"""`answer_cases` and `evaluate_answers`, over a company made up for the test."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chatbot.reply.scoring import judge, occurs
from tests.chatbot.reply.conftest import ENTRIES


@pytest.fixture
def files(tmp_path):
    rows = [f'{i},{lang},{q},{"|".join(alt)},"{a}",\n' for i, lang, q, a, alt in ENTRIES]
    answers = tmp_path / "shoes.csv"
    answers.write_text("id,language,question,alternatives,answer,tags\n" + "".join(rows), encoding="utf-8")
    cases = tmp_path / "shoes.cases.jsonl"
    cases.write_text(
        "".join(
            json.dumps(case | {"kb": "shoes", "language": "en"}) + "\n"
            for case in [
                _case("1", "direct", "How long does delivery take?", "answer", ["delivery.en"], [["2 to 4"]], ["$5"]),
                _case("2", "smalltalk", "hello", "smalltalk", [], [], []),
                _case("3", "complaint", "hello", "handoff", [], [], []),
            ]
        )
    )
    return answers, cases


def _case(id, kind, question, action, entries, facts, forbidden):
    expect = {"action": action, "entries": entries, "facts": facts, "forbidden": forbidden}
    return {"id": id, "kind": kind, "history": [], "question": question, "expect": expect}


def test_answer_cases_writes_one_reply_a_line(files, tmp_path):
    out = tmp_path / "replies.jsonl"
    call_command(
        "answer_cases",
        answers=files[0],
        cases=files[1],
        out=out,
        no_generation=True,
        stderr=StringIO(),
        skip_checks=True,
    )
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["id"] for line in lines] == ["1", "2", "3"]
    assert lines[0]["sources"] == ["delivery.en"]
    assert {"action", "text", "options", "standalone_question", "confidence", "latency_ms"} <= lines[0].keys()


def test_evaluate_answers_reports_by_kind(files):
    out = StringIO()
    call_command(
        "evaluate_answers", answers=[files[0]], cases=[files[1]], no_generation=True, json=True, stdout=out,
        skip_checks=True,
    )  # fmt: skip
    result = json.loads(out.getvalue())
    groups = result["groups"]
    assert groups["direct"]["ok"] == groups["direct"]["first"] == groups["direct"]["in_three"] == 1
    assert groups["smalltalk"]["clarified"] == 0
    assert 0 <= result["calibration"] <= 1
    assert result["latency_ms"]["whole"]["n"] == 3
    assert result["latency_ms"]["whole"]["p50"] <= result["latency_ms"]["whole"]["p95"]
    assert groups["complaint"]["ok"] == 0
    assert groups["unanswerable"] == groups["unanswerable"] | {"n": 2, "ok": 0.5}


def test_a_file_that_can_not_be_read_is_named(files, tmp_path):
    with pytest.raises(CommandError, match=r"missing\.csv"):
        call_command(
            "evaluate_answers",
            answers=[tmp_path / "missing.csv"],
            cases=[files[1]],
            no_generation=True,
            skip_checks=True,
        )


def _verdict(reply, **expect):
    case = _case("1", expect.pop("kind", "direct"), "Is it 7 days?", "answer", ["a.en"], [], [])
    case["expect"] |= expect
    return judge(case, reply, "It costs $9.50, see https://shop.example.com/a.")


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("It costs $9.50 for 7 days.", ()),
        ("It costs $9.", ("9",)),
        ("See https://shop.example.com/b", ("https://shop.example.com/b",)),
        ("Write to me@shop.example.com.", ("me@shop.example.com",)),
        ("See https://shop.example.com/a.", ()),
    ],
)
def test_numbers_and_addresses_that_nobody_gave_are_invented(text, invented):
    assert _verdict({"action": "answer", "text": text}).invented == invented


def test_a_clarifying_question_reaches_what_its_first_three_options_hold():
    reply = {"action": "clarify", "text": "Which?", "options": ["x", "y", "a.zh"]}
    assert (_verdict(reply).ok, _verdict(reply).reach) == (False, True)
    assert not _verdict(reply | {"options": ["x", "y", "z", "a.en"]}).reach


def test_a_number_is_not_found_inside_a_longer_one():
    assert occurs("5 days", "within 5 days")
    assert not occurs("5 days", "within 15 days")
    assert not occurs("5", "5.50")
    assert not occurs("50", "5.50")
    assert occurs("5", "costs 5.")


def test_several_questions_need_every_source_and_an_injection_may_be_refused():
    assert not _verdict(
        {"action": "answer", "text": "x", "sources": ["a.en"]}, kind="multi", entries=["a", "b"]
    ).source_ok
    assert _verdict({"action": "decline", "text": "x"}, kind="injection", action="decline").ok
    assert not _verdict({"action": "answer", "text": "x"}, kind="injection", action="decline").ok
