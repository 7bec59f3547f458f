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
    assert [one.entry.id for one in answers_together(_found(BLUE, GREEN, RED), 0.9)] == ["Blue plan?", "Green plan?"]


@pytest.mark.parametrize(
    ("found", "probability"),
    [
        ([BLUE, GREEN, RED], 0.3),  # a single question, over which two entries compete
        ([("Blue plan?", 0.85, "$8."), ("Green plan?", 0.06, "$9.")], 0.9),  # one entry tells both
        ([("Blue plan?", 0.25, "$8."), ("Green plan?", 0.21, "$9.")], 0.9),  # neither is likely
        ([BLUE, ("blue plan", 0.41, "$9.")], 0.9),  # the same question twice
        ([BLUE, ("blue plan", 0.3, "$9."), GREEN], 0.9),  # answers that contradict each other
        ([BLUE], 0.9),
        ([], 0.9),
    ],
)
def test_otherwise_they_do_not(found, probability):
    assert answers_together(_found(*found), probability) == ()
