"""A form or a consent that the company requires comes before the first word, whatever the page does: over the socket,
over the way without one, and over the HTTP interface."""

import json

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import AsyncClient, Client

from chatbot.attachments.models import Attachment
from chatbot.company.services import submit_form, update_settings
from chatbot.conversations import services, sessions
from chatbot.conversations.models import Conversation, Customer, Message
from tests.chatbot.attachments.test_checks import picture

pytestmark = pytest.mark.django_db(transaction=True)
FILLED = {"name": "Mia", "email": "mia@example.com", "has_consented": True}


@pytest.fixture(autouse=True)
def no_queue(monkeypatch, settings, tmp_path):
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *_: None)
    settings.ATTACHMENTS_FOLDER = tmp_path / "attachments"


@pytest.fixture(params=["form", "consent"])
def asking(request, conversation):
    """A company that requires the one or the other."""
    if request.param == "form":
        update_settings(form_mode="required")
    else:
        update_settings(is_consent_required=True, consent_text_en="We keep what you write for a year.")


async def test_a_message_before_the_form_is_refused_and_the_same_one_is_taken_after_it(
    browsers, token, conversation, asking, in_database
):
    browser = await browsers(token)
    await browser.subscribe()
    await browser.send("my secret", client_id="a")
    assert await browser.hear("error") == {"code": "form_required", "client_id": "a"}
    assert not await Message.objects.aexists()
    await in_database(submit_form, conversation=conversation, **FILLED)
    await browser.send("my secret", client_id="a")
    assert (await browser.hear("message.saved"))["message"]["text"] == "my secret"


async def test_a_person_is_not_called_and_nobody_sees_typing_before_the_form(browsers, token, conversation, asking):
    browser, tab = await browsers(token), await browsers(token)
    await browser.subscribe()
    await tab.subscribe()
    await browser.say({"type": "chat.typing", "is_typing": True})
    await browser.say({"type": "person.request"})
    assert await browser.hear("error") == {"code": "form_required"}
    assert not (await Conversation.objects.aget()).needs_human
    await tab.say({"type": "ping"})
    await tab.hear("pong")  # and nothing before it
    assert not await Message.objects.aexists()


async def test_what_was_written_before_the_company_asked_stays_readable_and_is_confirmed_again(
    browsers, token, conversation, in_database
):
    await in_database(services.receive_message, conversation=conversation, text="earlier", client_id="a")
    await in_database(update_settings, form_mode="required")
    browser = await browsers(token)
    assert [message["text"] for message in (await browser.subscribe())["messages"]] == ["earlier"]
    await browser.send("earlier", client_id="a")
    assert (await browser.hear("message.saved"))["message"]["seq"] == 1
    await browser.send("more", client_id="b")
    assert (await browser.hear("error"))["code"] == "form_required"


async def test_without_a_socket_the_same_holds(token, conversation, asking, in_database):
    client = AsyncClient()
    client.cookies[settings.CUSTOMER_SESSION_COOKIE] = token

    async def say(frame: dict) -> list[str]:
        answer = await client.post(
            "/chat/frames/", json.dumps(frame), content_type="application/json", headers={"origin": "http://testserver"}
        )
        return [frame["data"].get("code", frame["type"]) for frame in answer.json()["frames"]]

    message = {"type": "message.send", "client_id": "a", "text": "my secret"}
    assert await say(message) == await say({"type": "person.request"}) == ["form_required"]
    assert not await Message.objects.aexists()
    await in_database(submit_form, conversation=conversation, **FILLED)
    assert await say(message) == ["message.saved"]


def test_no_file_and_no_left_message_is_taken_before_the_form(token, conversation, asking):
    client = Client()
    client.cookies[settings.CUSTOMER_SESSION_COOKIE] = token
    left = {"text": "Call me", "client_id": "a", "email": "mia@example.com"}

    def ask() -> list[tuple[int, str]]:
        file = SimpleUploadedFile("cup.png", picture(), "image/png")
        answers = [
            client.post("/chat/api/attachments/", {"file": file}),
            client.post(f"/chat/api/conversations/{conversation.pk}/message/", left, "application/json"),
        ]
        return [(answer.status_code, answer.json().get("code", "")) for answer in answers]

    assert ask() == [(403, "form_required")] * 2
    assert not Attachment.objects.exists() and not Message.objects.exists()
    form = {"name": "Mia", "email": "mia@example.com", "has_consented": True}
    assert client.post(f"/chat/api/conversations/{conversation.pk}/form/", form, "application/json").status_code == 200
    assert ask() == [(200, "")] * 2


async def test_one_customer_s_form_does_not_stand_for_another_s(browsers, asking, conversation, in_database):
    await in_database(submit_form, conversation=conversation, **FILLED)
    charlie = await Customer.objects.acreate()
    browser = await browsers(sessions.sign_session(charlie))
    await browser.send("hello", client_id="a")
    assert (await browser.hear("error"))["code"] == "form_required"


def test_whoever_skipped_an_optional_form_is_asked_again_once_it_is_required(token, conversation):
    client = Client()
    client.cookies[settings.CUSTOMER_SESSION_COOKIE] = token
    state = f"/chat/api/conversations/{conversation.pk}/state/"
    update_settings(form_mode="optional")
    submit_form(conversation=conversation, is_skipped=True)
    assert client.get(state).json()["form"] is None
    update_settings(form_mode="required")
    assert client.get(state).json()["form"]["fields"] == ["name", "email"]
