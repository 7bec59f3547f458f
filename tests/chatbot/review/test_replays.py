"""A replay answers the customer's turns again, from today's answers, and writes nothing into the conversation."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chatbot.conversations.models import Message, Reply
from chatbot.conversations.services import FinishedReply
from chatbot.knowledge.services import save_answer
from chatbot.reply.services import replay_replies
from chatbot.review import replays
from chatbot.review.models import Replay
from tests.chatbot.review.conftest import ask

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(monkeypatch):
    """No generator: the replies are the approved texts."""
    monkeypatch.setattr("chatbot.reply.services.get_generator", lambda: None)


def answers(conversation):
    return replay_replies(conversation, max_turns=replays.MAX_TURNS)


def test_a_turn_is_answered_from_todays_answers_and_old_and_new_stand_side_by_side(alice, returns, model):
    source = {"id": "returns.en", "question": "Can I return it?", "text": "Within 30 days.", "score": 1.0}
    first = ask("Can I return it?", sources=[source])
    ask("Do you have a parking garage?", in_=first.conversation, text="I don't know.", action="decline")
    rows = list(Message.objects.values_list()), list(Reply.objects.values_list())
    save_answer(id="parking.en", language="en", question="Do you have a parking garage?", answer="Yes, 40 places.")
    replay = replays.request_replay(conversation=first.conversation, agent=alice)
    replays.run(replay.pk, answers=answers)
    replay.refresh_from_db()
    assert replay.status == "done" and replay.finished_at
    same, changed = replays.pairs_of(replay)
    assert not same.is_changed and same.new["text"] == "Within 30 days."
    assert changed.is_changed and changed.old.action == "decline" and changed.new["text"] == "Yes, 40 places."
    assert (list(Message.objects.values_list()), list(Reply.objects.values_list())) == rows


def test_other_words_for_the_same_entries_are_no_change(alice):
    source = {"id": "returns.en", "question": "Can I return it?", "text": "Within 30 days.", "score": 1.0}
    message = ask("Can I return it?", sources=[source])
    kept = {"seq": 1, "text": "You have 30 days.", "action": "answer", "sources": [{"id": "returns.en"}]}
    replay = Replay.objects.create(conversation=message.conversation, replies=[kept])
    (pair,) = replays.pairs_of(replay)
    assert pair.is_reworded and not pair.is_changed
    replay.replies = [kept | {"sources": [{"id": "refunds.en"}]}]
    (pair,) = replays.pairs_of(replay)
    assert pair.is_changed and not pair.is_reworded


def test_the_history_of_a_replay_is_its_own(alice, monkeypatch):
    heard = []

    def answer_turn(*, turns, **_):
        heard.append([turn.text for turn in turns])
        return FinishedReply(text=f"new {len(heard)}", action="answer")

    monkeypatch.setattr("chatbot.reply.services.answer_turn", answer_turn)
    monkeypatch.setattr("chatbot.reply.services.get_generator", lambda: None)
    conversation = ask("one", text="old 1").conversation
    ask("two", in_=conversation, text="old 2")
    assert [seq for seq, _finished in answers(conversation)] == [1, 3]
    assert heard == [["one"], ["one", "new 1", "two"]]


def test_a_second_request_gets_the_replay_under_way_and_a_dead_one_is_replaced(alice):
    conversation = ask("Can I return it?").conversation
    first = replays.request_replay(conversation=conversation, agent=alice)
    assert replays.request_replay(conversation=conversation, agent=alice) == first
    Replay.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert replays.request_replay(conversation=conversation, agent=alice) != first


def test_a_replay_runs_once_and_a_fault_ends_it_with_what_was_answered(alice):
    def broken(conversation):
        yield 1, FinishedReply(text="new", action="answer")
        raise RuntimeError

    replay = replays.request_replay(conversation=ask("Can I return it?").conversation, agent=alice)
    replays.run(replay.pk, answers=broken)
    replays.run(replay.pk, answers=answers)
    replay.refresh_from_db()
    assert (replay.status, [kept["text"] for kept in replay.replies]) == ("failed", ["new"])
