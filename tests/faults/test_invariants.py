"""The invariants of a message's way that need the whole reply pipeline in one process; the model is a tiny one."""

import socket
import threading
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.db.backends.utils import CursorWrapper

from chatbot import events
from chatbot.conversations import services
from chatbot.conversations.models import Message, Reply
from chatbot.engine import EngineOverloadedError
from chatbot.engine.model_runner import ModelRunner
from chatbot.knowledge.services import save_answer
from chatbot.language_model.backends import LocalGenerator, set_generator, start_local_generator
from chatbot.reply.pipeline import answer_turn
from chatbot.reply.services import generate_reply, requeue_stuck
from tests.tiny import make_checkpoint

RETURNS = "You can return unused items within 30 days of delivery. The label costs $4.50."


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return make_checkpoint(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def generator(checkpoint) -> Iterator[LocalGenerator]:
    started = start_local_generator(str(checkpoint), num_threads=1)
    set_generator(started)
    yield started
    set_generator(None)
    started.stop()


@pytest.fixture
def knowledge(db):
    save_answer(id="returns.en", language="en", question="How do I return an item?", answer=RETURNS)
    save_answer(id="hours.en", language="en", question="When are you open?", answer="Monday to Friday, 9 to 17.")


def ask(conversation, text="How do I return an item?", client_id="1") -> Reply:
    return services.receive_message(conversation=conversation, text=text, client_id=client_id).reply


def answer(reply: Reply) -> Message:
    generate_reply(reply_id=reply.pk, attempt=reply.attempt)
    reply.refresh_from_db()
    return reply.message


@pytest.mark.django_db(transaction=True)
def test_the_model_s_thread_touches_neither_the_database_nor_redis(conversation, knowledge, generator, monkeypatch):
    callers = {"database": set(), "redis": set(), "model": set()}

    def record_callers(of: str, owner: type, method: str) -> None:
        real = getattr(owner, method)

        def recording(self, *args, **kwargs):
            callers[of].add(threading.current_thread().name)
            return real(self, *args, **kwargs)

        monkeypatch.setattr(owner, method, recording)

    record_callers("database", CursorWrapper, "execute")
    record_callers("redis", socket.socket, "sendall")
    record_callers("redis", socket.socket, "send")
    record_callers("model", ModelRunner, "run")
    assert answer(ask(conversation)).text
    events.flush()
    assert callers["model"] == {"engine"}
    assert callers["database"] and callers["redis"]
    assert "engine" not in callers["database"] | callers["redis"]


def test_an_unsupported_generation_is_replaced_by_the_approved_text(conversation, knowledge, generator):
    message = answer(ask(conversation))  # random weights say nothing that the passage supports
    assert message.text == RETURNS
    assert message.answered_reply.origin == "approved text"
    assert message.answered_reply.sources[0]["id"] == "returns.en"


def test_unless_told_to_the_model_is_not_asked_to_phrase(conversation, knowledge, generator, settings):
    settings.PHRASES_ANSWERS = False
    generator.stop()
    message = answer(ask(conversation))
    assert (message.text, message.answered_reply.degraded) == (RETURNS, "")


def test_a_reply_is_approved_text_when_the_engine_is_down(conversation, knowledge, generator):
    generator.stop()
    message = answer(ask(conversation))
    assert message.text == RETURNS
    assert message.answered_reply.degraded == "engine_down"
    conversation.refresh_from_db()
    assert conversation.needs_human


def test_a_reply_is_approved_text_when_the_engine_s_queue_is_full(conversation, knowledge, generator, monkeypatch):
    def refuse(*args, **kwargs):
        raise EngineOverloadedError("64 requests wait already")

    monkeypatch.setattr(generator.engine, "add_request", refuse)
    message = answer(ask(conversation))
    assert message.text == RETURNS
    assert message.answered_reply.degraded == "engine_overloaded"


def test_a_reply_taken_over_by_another_attempt_shows_nothing_more(
    conversation, knowledge, generator, published, settings, django_capture_on_commit_callbacks, monkeypatch
):
    settings.REPLY_LEASE_RENEW_S = 0.01
    reply = ask(conversation)
    real_claim = services.claim_reply

    def claim_and_lose(**kwargs):
        claimed = real_claim(**kwargs)
        Reply.objects.filter(pk=reply.pk).update(attempt=2, status=Reply.Status.PENDING)
        return claimed

    monkeypatch.setattr("chatbot.reply.services.conversations.claim_reply", claim_and_lose)
    generate_reply(reply_id=reply.pk, attempt=1)
    assert not [event for event in published if event.name == "reply.finished"]
    assert not Message.objects.filter(author="bot").exists()


def test_a_lease_outlives_a_moment_in_which_the_database_is_busy(
    conversation, knowledge, generator, settings, monkeypatch
):
    settings.REPLY_LEASE_RENEW_S = 0.01
    num_tries, is_renewed = 0, threading.Event()

    def renew(*, reply):
        nonlocal num_tries
        num_tries += 1
        if num_tries == 1:
            raise OperationalError("database is locked")
        is_renewed.set()
        return True

    def answer_late(**more):
        assert is_renewed.wait(10)
        return answer_turn(**more)

    monkeypatch.setattr("chatbot.reply.services.conversations.renew_lease", renew)
    monkeypatch.setattr("chatbot.reply.services.answer_turn", answer_late)
    assert "30 days" in answer(ask(conversation)).text


def test_a_question_whose_answer_was_stopped_has_no_say_in_the_next_answer(
    conversation, knowledge, generator, monkeypatch
):
    answer(ask(conversation, "When are you open?"))
    ask(conversation, client_id="2")
    services.stop_reply(conversation=conversation)
    heard: list[list[str]] = []
    real = answer_turn

    def listen(*, turns, **more):
        heard.append([turn.text for turn in turns])
        return real(turns=turns, **more)

    monkeypatch.setattr("chatbot.reply.services.answer_turn", listen)
    message = answer(ask(conversation, "And on Sundays?", client_id="3"))
    assert heard == [["When are you open?", "Monday to Friday, 9 to 17.", "And on Sundays?"]]
    assert [source["id"] for source in message.answered_reply.sources] in ([], ["hours.en"])


def test_a_reply_that_no_worker_can_finish_goes_to_a_person(conversation, knowledge, enqueued, settings):
    reply = ask(conversation)
    Reply.objects.filter(pk=reply.pk).update(
        attempt=settings.REPLY_MAX_ATTEMPTS, status=Reply.Status.RUNNING, lease_expires_at="2020-01-01T00:00Z"
    )
    requeue_stuck()
    requeue_stuck()
    reply.refresh_from_db()
    assert (reply.status, reply.action, reply.degraded) == ("done", "handoff", "attempts_exhausted")
    conversation.refresh_from_db()
    assert conversation.needs_human
    assert conversation.messages.filter(author="bot").count() == 1


def test_an_edited_answer_is_in_the_next_reply(conversation, knowledge, generator):
    assert "30 days" in answer(ask(conversation)).text
    save_answer(id="returns.en", language="en", question="How do I return an item?", answer="Within 45 days, free.")
    assert answer(ask(conversation, client_id="2")).text == "Within 45 days, free."
