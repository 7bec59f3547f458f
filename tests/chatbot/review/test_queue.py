"""Which turns come to be reviewed, in which order, and when they leave."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatbot.conversations.models import Message, Reply
from chatbot.review import queue
from chatbot.review.models import QueueItem
from chatbot.review.services import pick, review_turn
from tests.chatbot.review.conftest import ask

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def none_drawn(monkeypatch):
    monkeypatch.setattr(queue, "is_drawn", lambda message_id: False)


def texts(items) -> list[str]:
    return [item.message.text for item in items]


def test_every_reason_brings_a_turn_in_and_a_calm_sure_one_stays_out():
    for name, made in {
        "is_negative": {"mood": "negative"},
        "is_disliked": {"rating": "down"},
        "is_declined": {"action": "decline"},
        "is_handed_off": {"action": "handoff"},
        "is_unsure": {"confidence": 0.5},
    }.items():
        ask(name, **made)
    ask("nothing")
    queue.fill_queue()
    found = {item.message.text: item for item in QueueItem.objects.at_risk()}
    assert set(found) == {"is_negative", "is_disliked", "is_declined", "is_handed_off", "is_unsure"}
    for name, item in found.items():
        assert [one for one in found if getattr(item, one)] == [name]


def test_the_riskiest_turn_comes_first():
    ask("a little unsure", confidence=0.55)
    ask("declined and angry", action="decline", mood="negative")
    ask("thumbs down", rating="down", confidence=0.1)
    queue.fill_queue()
    assert texts(QueueItem.objects.at_risk()) == ["thumbs down", "declined and angry", "a little unsure"]


def test_what_comes_after_the_reply_is_taken_in_too():
    disliked, angry = ask("later disliked"), ask("later angry")
    queue.fill_queue()
    assert not QueueItem.objects.exists()
    Reply.objects.filter(customer_message=disliked).update(rating="down")
    Message.objects.filter(pk=angry.pk).update(sentiment="negative")
    queue.fill_queue()
    queue.look_again(angry.pk)
    assert texts(QueueItem.objects.at_risk()) == ["later disliked", "later angry"]


def test_a_reviewed_turn_leaves_ones_own_queue_and_after_two_reviewers_everybodys(alice, dora, bob):
    message = ask("declined", action="decline")
    queue.fill_queue()
    waiting = QueueItem.objects.at_risk()
    review_turn(message=message, reviewer=alice, verdict="right")
    assert not waiting.not_yet_by(alice).exists()
    assert waiting.not_yet_by(dora).exists()
    review_turn(message=message, reviewer=dora, verdict="wrong_entry")
    assert not waiting.not_yet_by(bob).exists()
    queue.fill_queue()  # looks at the latest replies again and must not bring it back
    assert not waiting.not_yet_by(bob).exists()


def test_a_turn_on_which_reviewers_differ_waits_for_an_admins_pick(alice, dora, bob):
    agreed, disputed = ask("agreed", action="decline"), ask("disputed", action="decline")
    queue.fill_queue()
    for message, second in ((agreed, "right"), (disputed, "wrong_entry")):
        review_turn(message=message, reviewer=alice, verdict="right")
        review = review_turn(message=message, reviewer=dora, verdict=second)
    assert texts(QueueItem.objects.disputed()) == ["disputed"]
    pick(review=review, by=bob)
    assert not QueueItem.objects.disputed().exists()


def test_a_drawn_turn_waits_in_the_sample_only_whatever_its_risk(monkeypatch):
    monkeypatch.setattr(queue, "is_drawn", lambda message_id: True)
    ask("calm and sure")
    ask("thumbs down", rating="down")
    queue.fill_queue()
    assert not QueueItem.objects.at_risk().exists()
    assert texts(QueueItem.objects.sampled()) == ["thumbs down", "calm and sure"]


def test_the_draw_takes_about_one_in_twenty_and_always_the_same(monkeypatch):
    monkeypatch.undo()
    drawn = [number for number in range(20_000) if queue.is_drawn(number)]
    assert 850 < len(drawn) < 1150
    assert drawn == [number for number in range(20_000) if queue.is_drawn(number)]


def test_filling_needs_the_same_queries_for_three_turns_and_for_thirty():
    def num_queries(num_turns: int) -> int:
        for n in range(num_turns):
            ask(f"declined {n}", action="decline")
        with CaptureQueriesContext(connection) as queries:
            queue.fill_queue()
        return len(queries)

    num_queries(0)  # the first time, the state is made
    assert num_queries(30) == num_queries(3)
    assert QueueItem.objects.count() == 33
