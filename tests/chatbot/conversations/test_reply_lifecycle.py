from datetime import timedelta

import pytest
from django.utils import timezone

from chatbot import queue
from chatbot.conversations import services
from chatbot.conversations.models import Message, Reply
from chatbot.conversations.services import FinishedReply

pytestmark = pytest.mark.django_db

ANSWER = FinishedReply(text="Within 30 days.", action="answer", sources=[{"id": "returns", "text": "Within 30 days."}])


@pytest.fixture
def reply(conversation, enqueued, published) -> Reply:
    return services.receive_message(conversation=conversation, text="How long?", client_id="1").reply


def claim(reply, attempt=1):
    return services.claim_reply(reply_id=reply.pk, attempt=attempt)


def let_lease_run_out(reply):
    Reply.objects.filter(pk=reply.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def test_only_one_worker_gets_a_reply(reply):
    assert claim(reply) is not None
    assert claim(reply) is None


def test_a_finished_reply_becomes_one_message_with_the_next_seq(reply):
    mine = claim(reply)
    message = services.finish_reply(reply=mine, finished=ANSWER)
    assert (message.seq, message.author, message.text) == (2, "bot", "Within 30 days.")
    assert services.finish_reply(reply=mine, finished=ANSWER) is None
    assert Message.objects.count() == 2
    reply.refresh_from_db()
    assert (reply.status, reply.action, reply.sources[0]["id"]) == ("done", "answer", "returns")


def test_a_reply_of_a_dead_worker_is_queued_again_as_a_new_attempt(reply, enqueued):
    dead = claim(reply)
    enqueued.clear()
    assert services.requeue_stuck_replies() == []
    assert enqueued == []  # its lease still runs
    let_lease_run_out(reply)
    services.requeue_stuck_replies()
    services.requeue_stuck_replies()
    assert enqueued == [(queue.GENERATE_REPLY, reply.pk, 2)]
    assert claim(reply, attempt=1) is None
    alive = claim(reply, attempt=2)
    assert services.finish_reply(reply=dead, finished=FinishedReply(text="stale", action="answer")) is None
    assert not services.renew_lease(reply=dead)
    assert services.finish_reply(reply=alive, finished=ANSWER).text == "Within 30 days."
    assert list(Message.objects.filter(author="bot").values_list("text", flat=True)) == ["Within 30 days."]


def test_a_renewed_lease_keeps_a_slow_worker_s_reply(reply, enqueued):
    mine = claim(reply)
    let_lease_run_out(reply)
    assert services.renew_lease(reply=mine)
    enqueued.clear()
    services.requeue_stuck_replies()
    assert enqueued == []


def test_a_reply_whose_task_was_lost_is_queued_again(reply, enqueued, settings):
    enqueued.clear()
    services.requeue_stuck_replies()
    assert enqueued == []
    late = timezone.now() - timedelta(seconds=settings.REPLY_PENDING_DEADLINE_S + 1)
    Reply.objects.filter(pk=reply.pk).update(queued_at=late)
    services.requeue_stuck_replies()
    assert enqueued == [(queue.GENERATE_REPLY, reply.pk, 2)]


def test_a_reply_without_attempts_left_is_reported_and_taken_once(reply, settings):
    Reply.objects.filter(pk=reply.pk).update(attempt=settings.REPLY_MAX_ATTEMPTS, status="running")
    let_lease_run_out(reply)
    assert services.requeue_stuck_replies() == [reply.pk]
    taken = services.take_exhausted_reply(reply_id=reply.pk)
    assert services.take_exhausted_reply(reply_id=reply.pk) is None
    assert services.finish_reply(reply=taken, finished=FinishedReply(text="A person will answer.", action="handoff"))
    taken.conversation.refresh_from_db()
    assert taken.conversation.needs_human


def test_replies_of_one_conversation_are_written_in_order(
    reply, conversation, enqueued, django_capture_on_commit_callbacks
):
    second = services.receive_message(conversation=conversation, text="And abroad?", client_id="2").reply
    assert claim(second) is None  # the first one comes first
    first = claim(reply)
    assert claim(second) is None
    enqueued.clear()
    with django_capture_on_commit_callbacks(execute=True):
        services.finish_reply(reply=first, finished=ANSWER)
    assert enqueued == [(queue.GENERATE_REPLY, second.pk, 1)]
    assert claim(second) is not None


def test_events_tell_of_the_attempt_that_they_belong_to(reply, published, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        mine = claim(reply)
        services.finish_reply(reply=mine, finished=ANSWER)
    started, finished = (e for e in published if e.name in ("reply.started", "reply.finished"))
    assert (started.attempt, finished.attempt, finished.message.text) == (1, 1, "Within 30 days.")
