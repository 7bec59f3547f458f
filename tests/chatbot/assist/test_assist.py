"""Help for agents through its public doors, with a real server for the bigger model."""

import json

import pytest
from django.contrib.auth.models import User

from chatbot import queue
from chatbot.assist import requests, services, summaries
from chatbot.assist.locks import changed, invented
from chatbot.assist.models import ConversationSummary, CustomerFact, Suggestion, Translation
from chatbot.conversations import services as conversations
from chatbot.conversations.services import FinishedReply
from chatbot.engine import EngineUnavailableError
from tests.chatbot.language_model.openai_server import openai_server

pytestmark = pytest.mark.django_db
ANSWER = FinishedReply(
    text="Within 30 days.", action="answer", sources=[{"id": "returns.en", "question": "How to return?", "text": "x"}]
)


@pytest.fixture
def agent():
    return User.objects.create_user("alice")


def say(conversation, text, finished=None):
    message = conversations.receive_message(conversation=conversation, text=text, client_id=text[:60])
    if finished is not None:
        reply = conversations.claim_reply(reply_id=message.reply.pk, attempt=1)
        conversations.finish_reply(reply=reply, finished=finished)
    return message


@pytest.fixture
def bigger_model(settings):
    def start(server):
        settings.OPENAI_URL, settings.OPENAI_MODEL, settings.OPENAI_MAX_RETRIES = server.url, "big", 0

    return start


def test_a_summary_tells_what_was_asked_answered_and_is_open(conversation, enqueued, published):
    say(conversation, "How long can I return order TR-31877?", ANSWER)
    last = say(conversation, "Do you ship to Mars?", FinishedReply(text="No approved answer.", action="decline"))
    summaries.summarise_up_to(last.pk)
    row = ConversationSummary.objects.get(conversation=conversation)
    assert [item["seq"] for item in row.asked] == [1, 3]
    assert [(item["answer_id"], item["by"]) for item in row.answered] == [("returns.en", "bot")]
    assert [(item["text"], item["reason"]) for item in row.open_points] == [("Do you ship to Mars?", "declined")]
    assert "TR-31877" in row.text and (row.model_version, row.up_to_seq) == ("extractive", 4)


def test_of_a_burst_only_the_last_message_makes_a_summary(conversation, enqueued):
    first = say(conversation, "one question?")
    say(conversation, "another question?")
    summaries.summarise_up_to(first.pk)
    assert not ConversationSummary.objects.exists()


@pytest.mark.parametrize(("text", "error"), [("Order TR-31877 is late.", ""), ("An order is late.", "locked_missing"),
                                             ("Order TR-31877 cost $99.", "invented")])  # fmt: skip
def test_a_bigger_models_summary_must_keep_what_is_locked(conversation, enqueued, bigger_model, text, error):
    message = say(conversation, "Where is order TR-31877?")
    with openai_server(json.dumps({"text": text})) as server:
        bigger_model(server)
        summaries.summarise_up_to(message.pk)
    row = ConversationSummary.objects.get(conversation=conversation)
    assert (row.error, row.model_version) == (error, "extractive" if error else "big")
    assert ("$99" not in row.text) and "TR-31877" in row.text


def test_facts_are_kept_once_with_their_message(conversation, enqueued):
    first = say(conversation, "My name is Anna Kelly, order TR-31877.")
    for message in (first, say(conversation, "again: order TR-31877")):
        services.remember_facts(message)
        services.remember_facts(message)
    facts = {(fact.name, fact.value, fact.message_id) for fact in CustomerFact.objects.all()}
    assert facts == {("name", "Anna Kelly", first.pk), ("order_number", "TR-31877", first.pk)}


@pytest.mark.parametrize(("reply", "status", "error"), [(ANSWER, "done", ""),
    (FinishedReply(text="?", action="clarify"), "failed", "unclear"),
    (FinishedReply(text="No.", action="decline"), "failed", "declined")])  # fmt: skip
def test_a_suggestion_is_the_pipelines_answer_or_says_why_not(conversation, agent, enqueued, reply, status, error):
    say(conversation, "How long can I return it?")
    suggestion = requests.request_suggestion(conversation=conversation, agent=agent)
    assert requests.request_suggestion(conversation=conversation, agent=agent) == suggestion
    num_messages = conversation.messages.count()
    services.suggest(suggestion.pk, preview=lambda message: reply)
    suggestion.refresh_from_db()
    assert (suggestion.status, suggestion.error) == (status, error)
    assert suggestion.text == ("Within 30 days." if status == "done" else "")
    assert conversation.messages.count() == num_messages


def test_a_suggestion_without_the_engine_says_so(conversation, agent, enqueued):
    say(conversation, "Hello there?")
    suggestion = requests.request_suggestion(conversation=conversation, agent=agent)

    def preview(message):
        raise EngineUnavailableError("gone")

    services.suggest(suggestion.pk, preview=preview)
    assert Suggestion.objects.get().error == "engine_down"


def test_without_a_bigger_model_a_translation_says_what_it_needs(conversation, agent, enqueued):
    message = say(conversation, "Where is it?")
    row = requests.request_translation(conversation=conversation, target="zh", message=message, agent=agent)
    assert (row.status, row.error, requests.NEEDS_SETTING) == ("failed", "needs_model", "KEFU_OPENAI_URL")
    assert not [task for task in enqueued if task[0] == queue.TRANSLATE]


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        (["订单 TR-31877 花了 $38。"], ""),
        (["订单花了 $38。"], "locked_changed"),
        (["错了", "订单 TR-31877 花了 $38。"], ""),
        (["订单 TR-31877 花了 $38，5 天。"], "invented"),
        ([{"status": 500}], "server_error"),
    ],
)
def test_a_translation_keeps_what_is_locked_or_is_refused(
    conversation, agent, enqueued, bigger_model, answers, error, django_capture_on_commit_callbacks
):
    message = say(conversation, "Order TR-31877 cost $38.")
    with openai_server(*answers) as server:
        bigger_model(server)
        with django_capture_on_commit_callbacks(execute=True):
            row = requests.request_translation(conversation=conversation, target="zh", message=message, agent=agent)
        assert (queue.TRANSLATE, row.pk) in enqueued
        services.translate(row.pk)
    row = Translation.objects.get()
    assert (row.error, row.status, row.text) == (error, "failed" if error else "done", message.text)
    assert bool(row.translated_text) is not bool(error)


def test_numbers_are_locked_as_wholes():
    assert changed("30 days", "300 天") == ["30"] and not changed("30 days", "30 天")
    assert invented("30 days", "30 天 3 次") == ["3"]
