"""Finding answers, with the real sentence encoder."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatbot.knowledge import services
from chatbot.knowledge.services import current_index

pytestmark = pytest.mark.django_db

ANSWERS = [
    ("hours.en", "en", "When are you open?", "We open at 9:00 and close at 18:30, Monday to Saturday."),
    ("hours.zh", "zh", "营业时间是几点？", "周一至周六 9:00 开门，18:30 关门。"),
    ("parking.en", "en", "Where can I park?", "There are 12 free spaces behind the house."),
    ("parking.zh", "zh", "哪里可以停车？", "屋后有 12 个免费车位。"),
    ("dogs.en", "en", "Are dogs allowed?", "Dogs on a lead are welcome in the garden."),
]


@pytest.fixture(autouse=True)
def answers():
    for id, language, question, answer in ANSWERS:
        services.save_answer(id=id, language=language, question=question, answer=answer)


def first(*queries: str, language: str = "en") -> str:
    return current_index().search(queries, top_k=3, language=language)[0].entry.id


def test_other_words_find_the_answer():
    assert first("is there somewhere to leave my car") == "parking.en"
    assert first("能带车过来停吗", language="zh") == "parking.zh"


def test_of_twins_the_one_in_the_customers_language_is_found_and_only_that():
    found = [c.entry.id for c in current_index().search(["你们几点关门"], top_k=5, language="zh")]
    assert found[0] == "hours.zh"
    assert "hours.en" not in found


def test_an_answer_that_exists_in_the_other_language_only_is_found():
    assert first("可以带狗吗？", language="zh") == "dogs.en"


def test_a_query_with_the_history_in_front_helps_a_follow_up():
    assert first("and on Saturday?", "When are you open? and on Saturday?") == "hours.en"


def test_an_edit_is_found_at_once_and_only_what_changed_is_embedded_again():
    before = current_index()
    assert len(before) == len(ANSWERS)
    services.save_answer(id="dogs.en", language="en", question="Are dogs allowed?", answer="Only cats are welcome.")
    index = current_index()
    assert index.by_id["dogs.en"].answer == "Only cats are welcome."
    assert index.num_embedded == 1


def test_what_is_deleted_or_not_live_is_not_found():
    services.delete_answer(id="parking.en")
    services.save_answer(
        id="dogs.en", language="en", question="Are dogs allowed?", answer="Yes, they are.", is_live=False
    )
    found = {c.entry.id for c in current_index().search(["dogs and parking"], top_k=9, language="en")}
    assert not found & {"parking.en", "dogs.en"}


def test_an_unchanged_index_costs_one_query():
    current_index()
    with CaptureQueriesContext(connection) as queries:
        current_index()
    assert len(queries) == 1


def test_an_empty_knowledge_base_finds_nothing():
    for id, *_ in ANSWERS:
        services.delete_answer(id=id)
    assert current_index().search(["anything"], top_k=3, language="en") == []
