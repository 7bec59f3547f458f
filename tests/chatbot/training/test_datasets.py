import random
from collections import Counter

import numpy as np
import pytest

from chatbot.language_model.prompt_format import SpecialTokenFormat
from chatbot.training.datasets import (
    DatasetError,
    Example,
    Renderer,
    mix_examples,
    pack_examples,
    pack_stream,
    read_records,
    record_kind,
    record_language,
    sentences,
    split_by_company,
)
from tests.chatbot.language_model.tiny import tiny_tokenizer
from tests.chatbot.training.data import write_data


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return read_records(write_data(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture
def renderer(tokenizer, records):
    return Renderer(SpecialTokenFormat(tokenizer), records, rng=random.Random(0))


def only(records, kind):
    return next(record for record in records if record_kind(record) == kind)


def written(tokenizer, example):
    """What the model has to write, and what it only reads, as texts."""
    pairs = list(zip(example.ids, example.is_target, strict=True))
    return tuple(tokenizer.decode([i for i, is_target in pairs if is_target is wanted]) for wanted in (True, False))


def test_every_shape_is_read_and_told_apart(records):
    kinds = Counter(record_kind(record) for record in records)
    assert kinds == {
        "answer": 16, "paraphrase": 8, "reply": 24, "followup": 8, "near_miss": 8, "other_turn": 8, "sentiment": 144,
        "summary": 1, "translation": 1, "dialogue": 4, "grounded": 1, "qa": 1, "rewrite": 1, "intent": 1, "document": 1,
        "other": 1,
    }  # fmt: skip


def test_test_splits_are_kept_back(records):
    assert not any(record.get("split") == "test" for record in records)


def test_excluded_files_and_long_files(tmp_path):
    folder = write_data(tmp_path / "data")
    kinds = {record_kind(record) for record in read_records(folder, exclude=["authored", "safety"], max_per_file=2)}
    assert "reply" not in kinds
    assert "other" not in kinds
    few = read_records(folder, exclude=["authored"], max_per_file=2, seed=1)
    assert sum(record_kind(record) == "dialogue" for record in few) == 2
    assert few == read_records(folder, exclude=["authored"], max_per_file=2, seed=1)
    chosen = read_records(folder, include=["authored/replies", "dialogues"], max_per_file=2, whole=["authored"])
    assert Counter(record_kind(record) for record in chosen) == {"reply": 24, "dialogue": 2}


@pytest.mark.parametrize(
    ("content", "message"), [("{}\nnot json\n", "line 2: not JSON"), ("[1]\n", "line 1: not a JSON")]
)
def test_a_bad_line_is_named(tmp_path, content, message):
    (tmp_path / "bad.jsonl").write_text(content)
    with pytest.raises(DatasetError, match=message):
        read_records(tmp_path)


def test_a_folder_without_data_is_named(tmp_path):
    with pytest.raises(DatasetError, match=r"no \*\.jsonl"):
        read_records(tmp_path)
    with pytest.raises(DatasetError, match="not a folder"):
        read_records(tmp_path / "nowhere")


def test_a_language_is_guessed_where_it_is_not_given():
    assert record_language({"question": "退款多久到账 PayPal", "answer": "5天"}) == "zh"
    assert record_language({"question": "Is 北京 in China?", "answer": "Yes, it is the capital."}) == "en"


def test_a_company_is_on_one_side_of_the_split_only_and_both_languages_are_held_out(records):
    training, held_out = split_by_company(records, num_held_out=2)
    sides = [{record["company"] for record in side if "company" in record} for side in (training, held_out)]
    assert not sides[0] & sides[1]
    assert {company[:2] for company in sides[1]} == {"en", "zh"}
    assert len(sides[1]) == 2
    assert split_by_company(records, num_held_out=2) == (training, held_out)


def test_neighbouring_lines_of_sentiment_stay_together_with_both_languages(records):
    _, held_out = split_by_company([r for r in records if record_kind(r) == "sentiment"], num_held_out=0)
    assert {record["line"] for record in held_out} == set(range(50, 60))
    assert {record["lang"] for record in held_out} == {"en", "zh"}


def test_a_follow_up_writes_the_standalone_question_and_the_reply(renderer, tokenizer, records):
    (example,) = renderer.render(only(records, "followup"))
    target, read = written(tokenizer, example)
    assert target == "How long does a refund take?<|knowledge|>About 5 working days.<|end|>"
    assert read.startswith(
        "<|customer|>How long does a refund take?<|bot|>About 5 working days.<|end|><|customer|>card?"
    )
    assert read.endswith("<|bot|>")


def test_a_reply_is_written_and_its_passage_only_read(renderer, tokenizer, records):
    (example,) = renderer.render(only(records, "reply"))
    target, read = written(tokenizer, example)
    assert target == "About 5 working days.<|end|>"
    assert "<|knowledge|>A refund takes 5 working days." in read


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("other_turn", "Hello!<|end|>"),
        ("near_miss", "I don't know.<|end|>"),
        ("summary", "Said hi. Nothing.<|facts|>hi<|end|>"),
        ("translation", "你好<|end|>"),
        ("sentiment", "<|negative|><|end|>"),
        ("grounded", "1星。<|end|>"),
        ("qa", "Yes, it is free.<|end|>"),
        ("rewrite", "Is it?<|knowledge|>"),
        ("dialogue", "Hello, how can I help?<|end|>"),
    ],
)
def test_only_what_the_model_must_write_is_a_target(renderer, tokenizer, records, kind, target):
    assert written(tokenizer, renderer.render(only(records, kind))[0])[0] == target


def test_a_record_of_no_use_gives_no_example(renderer, records):
    assert renderer.render(only(records, "other")) == []


def test_a_copying_exercise_asks_for_a_sentence_of_its_passage(renderer, tokenizer):
    text = "Refunds take 5 days. They go to your card. Ask us first, please."
    (example,) = renderer.copy_examples(text)
    target, read = written(tokenizer, example)
    assert target.removesuffix("<|end|>") in sentences(text)
    assert target.removesuffix("<|end|>") in read


def test_sentences_end_at_both_languages_punctuation():
    assert sentences("It costs 4.50. Pay now! 好的。几天？三天") == [
        "It costs 4.50.",
        "Pay now!",
        "好的。",
        "几天？",
        "三天",
    ]


def example(*ids, targets=()):
    return Example(ids, tuple(i in targets for i in ids), "x", "en")


def test_a_stream_is_cut_into_full_rows_whose_labels_are_the_next_tokens():
    rows = pack_stream([example(5, 6, 7), example(8, 9)], length=3, end_of_text_id=0, max_tokens=100)
    assert rows.ids.tolist() == [[0, 5, 6], [7, 0, 8]]
    assert rows.labels.tolist() == [[5, 6, 7], [0, 8, 9]]


def test_whole_examples_share_a_row_and_learn_their_targets_only():
    rows = pack_examples([example(5, 6, 7, targets=(7,)), example(8, 9, targets=(9,))], length=6, pad_id=1)
    assert rows.ids.tolist() == [[5, 6, 7, 8, 9, 1]]
    assert rows.labels.tolist() == [[-100, 7, -100, 9, -100, -100]]


def test_an_example_longer_than_a_row_keeps_its_end():
    rows = pack_examples([example(2, 3, 4, 5, 6, targets=(6,))], length=3, pad_id=1)
    assert rows.ids.tolist() == [[4, 5, 6]]
    assert rows.labels.tolist() == [[-100, 6, -100]]


def test_a_batch_depends_on_its_step_alone():
    rows = pack_examples([example(number, 9) for number in range(10)], length=2, pad_id=1)
    assert np.array_equal(rows.batch(7, 4)[0], rows.batch(7, 4)[0])
    assert rows.batch(2, 4)[0][:, 0].tolist() == [8, 9, 0, 1]


def test_a_mix_keeps_to_its_shares_of_tokens():
    pools = {"long": [example(*range(30))], "short": [example(1, 2)], "absent": []}
    mixed = mix_examples(pools, {"long": 0.5, "short": 0.5, "absent": 9.0}, rng=random.Random(0))
    tokens = Counter()
    for _, item in zip(range(1000), mixed, strict=False):
        tokens[len(item)] += len(item)
    assert abs(tokens[30] - tokens[2]) <= 30
