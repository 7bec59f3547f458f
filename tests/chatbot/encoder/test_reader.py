"""The reader: which of two alike entries a question is about, in both languages, and the same however it is asked."""

import numpy as np
import pytest

from chatbot.encoder.encoder import get_encoder
from chatbot.encoder.reader import MAX_ENTRY_TOKENS, MAX_QUERY_TOKENS, get_reader, pair_of

# A pottery studio: in no training text.
CLAY = (
    "How long is fired clay kept?",
    "We keep fired pieces for 30 days after the last class, then they are recycled.",
)
GLAZE = ("Which glazes are food safe?", "All glazes on the white shelf are food safe; those on the red shelf aren't.")
BIRTHDAY = ("Do you host birthday parties?", "Birthday parties for up to 12 children cost €180 for two hours.")
ENTRIES = [CLAY, GLAZE, BIRTHDAY]


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ("my bowl came out of the kiln weeks ago, is it still there", 0),
        ("can I eat out of a mug with the blue one from the red shelf?", 1),
        ("my daughter turns 8, could ten of her friends come", 2),
        ("烧好的作品你们会保留多久", 0),
        ("孩子过生日能在你们那里办吗", 2),
    ],
)
def test_the_entry_that_answers_scores_highest(question, wanted):
    scores = get_reader().read([question], ENTRIES)
    assert int(scores.argmax()) == wanted


def test_what_no_entry_answers_scores_lower_than_what_one_does():
    scores = [
        get_reader().read([question], ENTRIES).max() for question in ("do you sell cars?", "which glaze is food safe")
    ]
    assert scores[0] < scores[1]


def test_a_score_does_not_depend_on_what_else_is_read():
    together = get_reader().read(["is it still there"], ENTRIES)
    alone = [get_reader().read(["is it still there"], [entry])[0] for entry in ENTRIES]
    assert np.array_equal(together, alone)


def test_the_conversation_before_tells_what_is_meant():
    history = "Which glazes are food safe? and those on the other one?"
    scores = get_reader().read(["and those on the other one?", history], ENTRIES)
    assert int(scores.argmax()) == 1


def test_texts_of_any_length_and_no_entries_are_read():
    scores = get_reader().read(["why " * 5000], [("q " * 3000, "a " * 3000), ("", "")])
    assert np.isfinite(scores).all()
    assert get_reader().read(["why"], []).shape == (0,)


def test_each_text_is_cut_and_every_token_is_marked_with_its_text():
    query, question, answer = get_encoder().lower_states(["why " * 500, "q " * 500, "A short answer."])
    states, kinds = pair_of([query, query, query, query], question, answer)
    counts = np.bincount(kinds.numpy())
    assert counts.tolist() == [MAX_QUERY_TOKENS, MAX_QUERY_TOKENS, 2 * MAX_QUERY_TOKENS, MAX_ENTRY_TOKENS, len(answer)]
    assert states.shape == (counts.sum(), 384)
