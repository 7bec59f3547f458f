"""Writing answers: every change is kept, can be undone, and counts as one revision."""

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from chatbot.knowledge import services
from chatbot.knowledge.models import Answer, AnswerVersion, KnowledgeRevision

pytestmark = pytest.mark.django_db


def save(**changes) -> Answer:
    fields = {"id": "parking.en", "language": "en", "question": "Where can I park?", "answer": "Behind the house."}
    return services.save_answer(**(fields | changes))


def revision() -> tuple:
    return KnowledgeRevision.objects.values_list("number", "token").get()


def test_a_saved_answer_has_its_first_version():
    save(alternatives=["Is there parking?"], tags=["visit"])
    version = AnswerVersion.objects.get()
    assert (version.answer_id, version.number, version.change) == ("parking.en", 1, "created")
    assert version.snapshot["alternatives"] == ["Is there parking?"]


def test_a_change_can_be_undone():
    save()
    save(answer="On the roof.")
    services.restore_version(id="parking.en", number=1)
    assert Answer.objects.get().answer == "Behind the house."
    assert [v.change for v in AnswerVersion.objects.order_by("number")] == ["created", "updated", "restored"]


def test_a_deletion_can_be_undone():
    save(tags=["visit"])
    assert services.delete_answer(id="parking.en")
    assert not Answer.objects.exists()
    services.restore_version(id="parking.en", number=2)
    assert Answer.objects.get().tags == ["visit"]


def test_deleting_what_is_not_there_says_so():
    assert not services.delete_answer(id="nothing.en")


def test_saving_the_same_again_adds_no_version():
    save()
    save()
    assert AnswerVersion.objects.count() == 1


def test_who_changed_an_answer_is_kept(django_user_model):
    admin = django_user_model.objects.create_user("ada")
    save(by=admin)
    assert AnswerVersion.objects.get().changed_by == admin


def test_every_write_raises_the_revision_in_its_own_transaction():
    save()
    before = revision()
    with pytest.raises(RuntimeError), transaction.atomic():
        save(answer="On the roof.")
        assert revision()[0] == before[0] + 1
        raise RuntimeError
    assert revision() == before
    assert Answer.objects.get().answer == "Behind the house."


@pytest.mark.parametrize(
    "wrong",
    [
        {"language": "fr"},
        {"question": "  "},
        {"answer": ""},
        {"id": "has space"},
        {"alternatives": ["a|b"]},
        {"id": ""},
    ],
)
def test_an_answer_that_could_not_be_used_is_refused_and_nothing_is_written(wrong):
    with pytest.raises(ValidationError):
        save(**wrong)
    assert not Answer.objects.exists()
    assert not AnswerVersion.objects.exists()


def test_a_refusal_says_what_to_do():
    with pytest.raises(ValidationError, match="Leave out the character"):
        save(tags=["a|b"])
