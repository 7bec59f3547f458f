"""A correction waits as a draft with its origin; only an admin's publishing makes it live."""

import json

import pytest
from django.core.exceptions import ValidationError

from chatbot.knowledge import drafts
from chatbot.knowledge.models import Answer, AnswerDraft, AnswerVersion
from chatbot.knowledge.services import save_answer
from chatbot.privacy import forget_customer
from chatbot.review import corrections
from chatbot.review.corrections import CorrectionRefusedError, correct
from chatbot.review.models import Correction
from chatbot.review.services import pick, review_turn
from chatbot.training.datasets import record_kind
from tests.chatbot.review.conftest import ask

pytestmark = pytest.mark.django_db


def publish(correction, by, **texts):
    draft = AnswerDraft.objects.get(pk=correction.draft_id)
    return drafts.publish(draft=draft, by=by, seen_version=drafts.version_of(draft), **texts)


def test_a_new_answer_is_a_draft_until_an_admin_publishes_it(alice, bob):
    message = ask("Do you sell gift cards?")
    made = correct(message=message, author=alice, kind="new_answer", text="Yes, from $10.")
    assert (made.answer_id, made.state) == ("do-you-sell-gift-cards.en", "waiting")
    assert not Answer.objects.exists()
    answer = publish(made, bob)
    made = Correction.objects.get()
    assert (answer.answer, answer.is_live, made.state) == ("Yes, from $10.", True, "published")
    assert (made.message, made.author, made.message.seq) == (message, alice, 1)
    assert AnswerVersion.objects.get().changed_by == bob


def test_a_changed_answer_shows_what_would_change_and_leaves_what_changed_meanwhile(alice, bob, returns):
    made = correct(
        message=ask("Can I return it?"), author=alice, kind="changed_answer", answer_id="returns.en", text="In 60 days."
    )
    save_answer(**returns.snapshot() | {"tags": ["returns"]}, by=bob)
    assert [(c.name, c.before, c.after) for c in drafts.changes_of(made.draft)] == [
        ("answer", "Within 30 days.", "In 60 days.")
    ]
    assert Answer.objects.get().answer == "Within 30 days."
    publish(made, bob)
    assert (Answer.objects.get().answer, Answer.objects.get().tags) == ("In 60 days.", ["returns"])


def test_two_alternative_questions_of_one_entry_are_both_kept(alice, bob, returns):
    first, second = (
        correct(message=ask(text), author=alice, kind="alternative", answer_id="returns.en")
        for text in ("send it back", "money back?")
    )
    publish(first, bob)
    publish(second, bob)
    assert Answer.objects.get().alternatives == ["send it back", "money back?"]


def test_nobody_publishes_over_what_they_did_not_see_or_twice(alice, bob, returns):
    made = correct(
        message=ask("?"), author=alice, kind="changed_answer", answer_id="returns.en", question="q", text="No."
    )
    seen = drafts.version_of(made.draft)
    save_answer(**returns.snapshot() | {"answer": "Within 14 days."}, by=bob)
    with pytest.raises(drafts.DraftRefusedError, match="changed"):
        drafts.publish(draft=made.draft, by=bob, seen_version=seen)
    assert AnswerDraft.objects.get().status == "waiting"
    drafts.reject(draft=made.draft, by=bob)
    with pytest.raises(drafts.DraftRefusedError, match="decided"):
        publish(made, bob)
    assert Answer.objects.get().answer == "Within 14 days."


def test_a_correction_that_can_not_be_meant_is_refused_and_nothing_is_kept(alice, returns):
    message = ask("Can I return it?")
    for code, wrong in (
        ("unknown_kind", {"kind": "wish"}),
        ("no_entry", {"kind": "alternative", "answer_id": "nothing.en"}),
        ("is_entry", {"kind": "new_answer", "answer_id": "returns.en", "text": "x"}),
        ("invalid", {"kind": "new_answer", "text": ""}),
        ("invalid", {"kind": "alternative", "answer_id": "returns.en", "question": "a|b"}),
    ):
        with pytest.raises(CorrectionRefusedError, match=code):
            correct(message=message, author=alice, **wrong)
    assert not Correction.objects.exists() and not AnswerDraft.objects.exists()


def test_an_example_is_a_line_of_the_authored_format_with_its_origin(alice, returns):
    message = ask("my order is 4471290, money back pls")
    made = correct(message=message, author=alice, kind="example", answer_id="returns.en")
    assert made.state == "kept"
    (line,) = corrections.example_lines()
    record = json.loads(line)
    assert record_kind(record) == "paraphrase"
    assert (record["lang"], record["answer_id"], record["text"]) == (
        "en",
        "returns.en",
        "my order is [order], money back pls",
    )
    assert record["origin"] == {"conversation": str(message.conversation_id), "seq": 1, "reviewer": "alice"}


def test_a_corrected_sentiment_is_a_line_of_the_authored_format_once_per_turn(alice, dora, bob):
    message = ask("call me on 13812345678, fine")
    picked = review_turn(message=message, reviewer=alice, verdict="right", corrected_sentiment="positive")
    review_turn(message=message, reviewer=dora, verdict="sentiment_wrong", corrected_sentiment="negative")
    review_turn(message=ask("not corrected"), reviewer=alice, verdict="right")
    assert json.loads(*corrections.sentiment_lines())["label"] == "negative"
    pick(review=picked, by=bob)
    record = json.loads(*corrections.sentiment_lines())
    assert record_kind(record) == "sentiment"
    assert (record["lang"], record["text"], record["label"]) == ("en", "call me on [phone], fine", "positive")


def test_only_what_waits_can_be_withdrawn(alice, bob, returns):
    message = ask("Can I return it?")
    waiting, published = (
        correct(message=message, author=alice, kind="alternative", answer_id="returns.en", question=question)
        for question in ("one", "two")
    )
    publish(published, bob)
    for made in Correction.objects.all():
        corrections.withdraw(correction=made)
    assert list(Correction.objects.all()) == [published]
    assert not AnswerDraft.objects.filter(pk=waiting.draft_id).exists()


def test_an_admin_can_reword_a_draft_but_not_into_nothing(alice, bob):
    made = correct(message=ask("Gift cards?"), author=alice, kind="new_answer", text="yes")
    with pytest.raises(ValidationError):
        publish(made, bob, text=" ")
    assert AnswerDraft.objects.get().status == "waiting" and not Answer.objects.exists()
    answer = publish(made, bob, question="Do you sell gift cards?", text="Yes, from $10.")
    assert (answer.question, answer.answer) == ("Do you sell gift cards?", "Yes, from $10.")
    assert AnswerDraft.objects.get().proposed["answer"] == "Yes, from $10."


def test_a_forgotten_customers_corrections_go_with_them_and_the_published_answer_stays(alice, bob, returns):
    message = ask("Can I return it?")
    publish(correct(message=message, author=alice, kind="alternative", answer_id="returns.en", question="back?"), bob)
    correct(message=message, author=alice, kind="example", answer_id="returns.en")
    forget_customer(customer=message.conversation.customer)
    assert not Correction.objects.exists()
    assert Answer.objects.get().alternatives == ["back?"]
