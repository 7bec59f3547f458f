import pytest

from chatbot.language_model.checkpoints import CheckpointError, load_checkpoint
from chatbot.sentiment.classifier import LABELS, SentimentClassifier, load_head, save_head
from chatbot.training.datasets import read_records
from chatbot.training.sentiment_head import labelled_texts, score_head, train_head
from tests.chatbot.language_model.tiny import tiny_checkpoint_folder
from tests.chatbot.training.data import write_data


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tiny_checkpoint_folder(tmp_path_factory.mktemp("sentiment") / "tiny")
    records = read_records(write_data(tmp_path_factory.mktemp("sentiment_data")))
    training, held_out = labelled_texts(records, seed=1)
    checkpoint = load_checkpoint(str(folder))
    head = train_head(checkpoint, training, held_out, seed=1, num_epochs=30)
    save_head(head, folder)
    return folder, checkpoint, head, held_out


def test_a_trained_head_tells_the_held_out_texts_in_both_languages(trained):
    _, checkpoint, head, held_out = trained
    scores = score_head(checkpoint, head, held_out)
    assert scores.num_texts == {"en": 10, "zh": 10}
    assert min(scores.macro_f1.values()) > 0.9


def test_a_loaded_classifier_gives_labels_with_probabilities_in_order(trained):
    classifier = SentimentClassifier.load(trained[0])
    found = classifier.classify(["thanks, great", "太差了", "where is it"])
    assert [sentiment.label for sentiment in found] == ["positive", "negative", "neutral"]
    assert all(1 / len(LABELS) <= sentiment.probability <= 1 for sentiment in found)


def test_a_text_is_judged_the_same_alone_and_among_others(trained):
    classifier = SentimentClassifier.load(trained[0])
    texts = ["thanks", "this is awful " * 40, "在哪里", "", "   "]
    together = classifier.classify(texts)
    for text, sentiment in zip(texts, together, strict=True):
        (alone,) = classifier.classify([text])
        assert alone.label == sentiment.label
        assert alone.probability == pytest.approx(sentiment.probability, abs=0.02)


def test_blank_is_neutral_and_nothing_gives_nothing(trained):
    classifier = SentimentClassifier.load(trained[0])
    assert classifier.classify(["  \n"])[0].label == "neutral"
    assert classifier.classify([]) == []


def test_the_head_survives_saving(trained):
    folder, _, head, _ = trained
    loaded = load_head(folder)
    assert loaded.config == head.config
    assert loaded.tokens.weight.sub(head.tokens.weight).abs().max() < 1e-2


def test_a_folder_without_a_head_says_how_to_train_one(tmp_path):
    with pytest.raises(CheckpointError, match="no sentiment head"):
        SentimentClassifier.load(tiny_checkpoint_folder(tmp_path / "bare"))


def test_a_damaged_head_is_refused(trained, tmp_path):
    folder = tiny_checkpoint_folder(tmp_path / "tiny")
    save_head(trained[2], folder)
    (folder / "sentiment_head.safetensors").write_bytes(b"broken")
    with pytest.raises(CheckpointError, match="damaged"):
        load_head(folder)
