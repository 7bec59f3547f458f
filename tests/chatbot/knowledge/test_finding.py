"""Finding answers, with the real sentence encoder."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatbot.encoder.encoder import SentenceEncoder
from chatbot.knowledge import current, services
from chatbot.knowledge.current import current_index
from chatbot.knowledge.entries import Entry
from chatbot.knowledge.index import NUM_COMPARED, KnowledgeIndex
from chatbot.knowledge.models import TextVector

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


@pytest.fixture
def encoded(monkeypatch):
    """The texts that the encoder is given."""
    texts: list[str] = []
    encode = SentenceEncoder.encode
    monkeypatch.setattr(SentenceEncoder, "encode", lambda self, some: texts.extend(some) or encode(self, some))
    return texts


def test_an_edit_is_found_at_once_and_only_what_changed_is_encoded_again(encoded):
    assert len(current_index()) == len(ANSWERS)
    encoded.clear()
    services.save_answer(id="dogs.en", language="en", question="Are dogs allowed?", answer="Only cats are welcome.")
    assert current_index().by_id["dogs.en"].answer == "Only cats are welcome."
    assert encoded == ["Only cats are welcome."]


def test_another_process_reads_the_vectors_instead_of_encoding_again(encoded, monkeypatch):
    def start_afresh():
        monkeypatch.setattr(current, "_holder", current._IndexHolder())
        return current_index()

    start_afresh()
    assert encoded
    encoded.clear()
    index = start_afresh()
    assert encoded == []
    assert index.search(["where may I park"], top_k=2, language="en")[0].entry.id == "parking.en"


def test_vectors_that_no_answer_needs_any_more_are_taken_out(monkeypatch):
    monkeypatch.setattr("chatbot.knowledge.vectors._MIN_KEPT", 2)
    TextVector.objects.bulk_create(TextVector(key=f"old {n}", vector=b"") for n in range(200))
    monkeypatch.setattr(current, "_holder", current._IndexHolder())
    num_needed = len(current_index().vectors)
    assert TextVector.objects.count() == num_needed


def test_a_damaged_vector_is_made_again(encoded, monkeypatch):
    monkeypatch.setattr(current, "_holder", current._IndexHolder())
    current_index()
    encoded.clear()
    row = TextVector.objects.first()
    TextVector.objects.filter(pk=row.pk).update(vector=bytes(row.vector)[:100])
    monkeypatch.setattr(current, "_holder", current._IndexHolder())
    current_index()
    assert len(encoded) == 1
    assert bytes(TextVector.objects.get(pk=row.pk).vector) == bytes(row.vector)


def test_what_was_encoded_before_a_failure_is_kept(monkeypatch):
    monkeypatch.setattr(current, "_holder", current._IndexHolder())
    monkeypatch.setattr("chatbot.knowledge.vectors._KEYS_AT_ONCE", 3)
    encode, calls = SentenceEncoder.encode, []

    def fail_second(self, texts):
        calls.append(texts)
        if len(calls) == 2:
            raise MemoryError
        return encode(self, texts)

    monkeypatch.setattr(SentenceEncoder, "encode", fail_second)
    with pytest.raises(MemoryError):
        current_index()
    assert TextVector.objects.count() == 3
    assert len(current_index()) == len(ANSWERS)
    assert calls[2] == []  # the first part was there
    assert calls[3] == calls[1]  # it went on where it had stopped


def test_while_one_thread_builds_others_answer_from_the_index_before(monkeypatch):
    before = current_index()
    services.save_answer(id="new.en", language="en", question="Is it new?", answer="It is.")
    with current._holder._lock:
        assert current_index() is before
    assert len(current_index()) == len(ANSWERS) + 1


def test_the_ranker_compares_the_best_entries_only():
    entries = [Entry(id=f"e{n}", language="en", question=f"What is {n}?", answer=f"It is {n}.") for n in range(30)]
    index = KnowledgeIndex(entries)
    features = index.features(["What is 7?"], "en")
    assert len(features.numbers) == NUM_COMPARED
    assert index.search(["What is 7?"], top_k=3, language="en")[0].entry.id == "e7"


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
