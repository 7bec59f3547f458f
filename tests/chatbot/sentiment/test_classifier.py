"""The shipped classifier, and training on two handfuls of texts: what it writes is what serving reads."""

import json
import lzma
from io import StringIO

import numpy as np
import pytest
from django.core.management import call_command

from chatbot.encoder.encoder import get_encoder
from chatbot.encoder.ngrams import NUM_BUCKETS, buckets_of
from chatbot.encoder.two_views import TwoViews
from chatbot.sentiment.classifier import LABELS, SentimentClassifier

WORDED = {
    "en": {"positive": "great, thank you", "negative": "awful, never again", "neutral": "where is the shop"},
    "zh": {"positive": "太好了谢谢", "negative": "太差了再也不来", "neutral": "店在哪里"},
}


@pytest.fixture(scope="module")
def classifier():
    return SentimentClassifier.load()


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("This is terrible! My teapot arrived broken and nobody answers, worst shop ever.", "negative"),
        ("I love your shop", "positive"),
        ("太糟糕了，没人理我", "negative"),
        ("Your driver was so kind to my mum, thank you!", "positive"),
        ("师傅特别耐心，装得又快又好，谢谢你们", "positive"),
        ("This is the third time I explain this and nobody helps. Useless.", "negative"),
        ("等了一个小时都没人理我，太失望了", "negative"),
        ("What time do you open on Sunday?", "neutral"),
        ("请问周末几点开门？", "neutral"),
    ],
)
def test_plain_moods_are_told_in_both_languages(classifier, text, label):
    (found,) = classifier.classify([text])
    assert found.label == label
    assert 1 / len(LABELS) <= found.probability <= 1


def test_a_text_is_judged_the_same_alone_and_among_others(classifier):
    texts = ["thanks", "this is awful " * 200, "在哪里", "", "   ", "🙂🙂", "\u202eabc", "a" * 10_000]
    together = classifier.classify(texts)
    for text, sentiment in zip(texts, together, strict=True):
        (alone,) = classifier.classify([text])
        assert alone.label == sentiment.label
        assert alone.probability == pytest.approx(sentiment.probability, abs=0.02)


def test_blank_is_neutral_and_nothing_gives_nothing(classifier):
    assert classifier.classify(["  \n"])[0].label == "neutral"
    assert classifier.classify([]) == []


def test_sequences_are_the_same_in_every_process_and_ignore_case_and_spaces():
    assert buckets_of("Hello  there") == buckets_of("hello there")
    assert buckets_of("好") == buckets_of(" 好 ")
    assert all(0 <= bucket < NUM_BUCKETS for bucket in buckets_of("any text, 任何文字"))
    assert len(buckets_of("ok")) == 7  # " o", "ok", "k ", " ok", "ok ", " ok ", and the word
    assert buckets_of("") == buckets_of("  ") == buckets_of("\n")


def test_what_training_writes_is_what_serving_reads(tmp_path):
    rows = [
        {"lang": lang, "text": f"{text} {number}", "label": label, "line": number}
        for lang, texts in WORDED.items()
        for label, text in texts.items()
        for number in range(80)
    ]
    for name in ("sentiment", "sentiment_pairs"):
        with lzma.open(tmp_path / f"{name}.jsonl.xz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
    path, out = tmp_path / "weights.npz", StringIO()
    call_command("train_sentiment", data=tmp_path, out=path, stdout=out, skip_checks=True)
    assert '"macro_f1": {"en": 1.0, "zh": 1.0}' in out.getvalue()
    trained = SentimentClassifier(get_encoder(), TwoViews.load(path))
    found = trained.classify(["thank you, great", "太差了", "where is it"])
    assert [one.label for one in found] == ["positive", "negative", "neutral"]


def test_a_word_never_seen_says_nothing():
    weights = {
        "meaning": np.zeros((384, 3)),
        "bias": np.array([0.0, 1.0, 0.0]),
        "rarity": np.zeros(NUM_BUCKETS),
        "words": np.full((NUM_BUCKETS, 3), 9.0),
    }
    logits = TwoViews(weights).logits("zyxw", np.zeros(384, dtype=np.float32))
    assert logits.tolist() == [0.0, 1.0, 0.0]
