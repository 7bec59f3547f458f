"""When the two best entries answer together."""

import pytest

from chatbot.knowledge.entries import Entry
from chatbot.knowledge.index import Candidate
from chatbot.reply.multiple import answers_together


def _found(*scored: tuple[str, float, str]) -> list[Candidate]:
    return [
        Candidate(entry=Entry(id=question, language="en", question=question, answer=answer), score=score)
        for question, score, answer in scored
    ]


BLUE, GREEN, RED = ("Blue plan?", 0.48, "$8."), ("Green plan?", 0.41, "$9."), ("Red plan?", 0.02, "$7.")


def test_entries_that_share_the_probability_answer_a_turn_that_asks_several_things():
    found = answers_together("how much are blue and green?", _found(BLUE, GREEN, RED), 0.9)
    assert [one.entry.id for one in found] == ["Blue plan?", "Green plan?"]


@pytest.mark.parametrize(
    ("question", "found", "probability"),
    [
        ("how much is it?", [BLUE, GREEN, RED], 0.3),  # a single question, over which two entries compete
        ("blue plan", [BLUE, GREEN, RED], 0.9),  # an entry's own question, or the option that was pressed
        ("how much and for how long?", [("Blue plan?", 0.85, "$8."), ("Green plan?", 0.03, "$9.")], 0.9),
        (
            "how much are they?",
            [("Blue plan?", 0.5, "$8."), ("Green plan?", 0.2, "$9."), ("Red plan?", 0.15, "$7.")],
            0.9,
        ),
        ("how much are both?", [("Blue plan?", 0.25, "$8."), ("Green plan?", 0.21, "$9.")], 0.9),  # neither is likely
        ("how much are both?", [BLUE, ("blue plan", 0.41, "$8.")], 0.9),  # twice the same
        ("how much are both?", [BLUE, ("blue plan", 0.3, "$9."), GREEN], 0.9),  # answers that contradict each other
        ("how much are both?", [BLUE], 0.9),
        ("how much are both?", [], 0.9),
    ],
)
def test_a_single_question_or_unlikely_entries_get_no_two_answers(question, found, probability):
    assert answers_together(question, _found(*found), probability) == ()
