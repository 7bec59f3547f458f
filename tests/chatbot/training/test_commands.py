"""The commands as a user runs them, on a tiny model and a tiny data folder."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.chatbot.language_model.tiny import tiny_checkpoint_folder
from tests.chatbot.training.data import write_data


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("command_data"))


def run(*arguments):
    out = StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def test_the_four_stages_from_a_folder_of_json_lines_to_numbers(data, tmp_path):
    shared = ("--data", data, "--exclude", "safety", "--held-out-companies", 2)
    short = ("--max-steps", 3, "--batch-rows", 2)
    run("train_tokenizer", *shared, "--output", tmp_path / "tok", "--vocabulary-size", 400)
    size = ("--layers", 2, "--width", 32, "--heads", 4, "--random-start", "--row-length", 32)
    out = run("pretrain", *shared, *short, *size, "--tokenizer", tmp_path / "tok", "--output", tmp_path / "pre")
    assert "3 steps" in out
    start = ("--checkpoint", tmp_path / "pre" / "best", "--output", tmp_path / "tuned")
    run("fine_tune", *shared, *short, *start, "--epochs", 1, "--row-length", 96, "--publish", tmp_path / "final")
    assert (tmp_path / "final" / "model.safetensors").is_file()
    samples = ("--samples", tmp_path / "samples.jsonl", "--max-per-kind", 1)
    report = json.loads(run("evaluate_model", *shared, "--checkpoint", tmp_path / "final", *samples))
    assert set(report["text_perplexity"]) == {"en", "zh"}
    assert (tmp_path / "samples.jsonl").read_text().count("\n") == 8


def test_generate_continues_a_text(tmp_path):
    folder = tiny_checkpoint_folder(tmp_path / "tiny")
    text = "AI大语言模型的商业价值"
    options = ("--max-length", 60, "--num-return-sequences", 2, "--checkpoint", folder)
    texts = run("generate", text, *options).strip("\n").split("\n\n")
    assert len(texts) >= 2
    assert texts[0].startswith(text)
    assert run("generate", text, *options) == run("generate", text, *options)


def test_a_missing_checkpoint_or_folder_is_one_clear_line(data, tmp_path):
    with pytest.raises(CommandError, match="does not exist"):
        run("generate", "x", "--checkpoint", tmp_path / "nowhere")
    with pytest.raises(CommandError, match="not a folder"):
        run("train_tokenizer", "--data", tmp_path / "nowhere", "--output", tmp_path / "tok")


def test_a_run_needs_an_end(data, tmp_path):
    with pytest.raises(CommandError, match="--max-steps or --max-minutes"):
        run("pretrain", "--data", data, "--tokenizer", tmp_path, "--output", tmp_path)
