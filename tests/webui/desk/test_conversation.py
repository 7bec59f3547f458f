"""The agent's reply box: who may use it, what it changes, and what the second of two agents is told."""

import pytest
from django.urls import reverse

from chatbot.assist.models import ConversationSummary, CustomerFact
from chatbot.conversations import handling
from chatbot.conversations.models import Conversation, Reply
from tests.webui.desk.conftest import logged_in, make_conversation, make_user

pytestmark = pytest.mark.django_db
ACTS = ["take-over", "hand-back", "close", "reopen", "undo", "say", "seen"]
PARTIAL = {"X-Partial": "1"}


def act(client, conversation, name, **fields):
    return client.post(reverse(f"desk-{name}", args=[conversation.pk]), fields, headers=PARTIAL)


@pytest.mark.parametrize("name", ACTS)
def test_outsiders_and_strangers_change_nothing(client, charlie, name):
    conversation = make_conversation()
    before = Conversation.objects.values().get(pk=conversation.pk)
    assert act(logged_in(charlie), conversation, name, text="Hi", seq="1").status_code == 403
    assert act(client, conversation, name, text="Hi", seq="1").status_code == 302
    assert client.get(reverse("desk-hands", args=[conversation.pk])).status_code == 302
    assert logged_in(charlie).get(reverse("desk-hands", args=[conversation.pk])).status_code == 403
    assert Conversation.objects.values().get(pk=conversation.pk) == before


@pytest.mark.parametrize("name", ACTS)
def test_nothing_is_changed_by_reading(alice, name):
    assert logged_in(alice).get(reverse(f"desk-{name}", args=[make_conversation().pk])).status_code == 405


def test_an_agent_writes_and_has_the_conversation(alice):
    conversation = make_conversation()
    answer = act(logged_in(alice), conversation, "say", text=" You can. ", client_id="a1")
    assert "You answer this customer" in answer.text
    act(logged_in(alice), conversation, "say", text="You can.", client_id="a1")
    assert [message.text for message in conversation.messages.filter(author="agent")] == ["You can."]
    page = logged_in(alice).get(reverse("desk-conversation", args=[conversation.pk])).text
    assert "alice took over." in page


def test_the_second_of_two_agents_is_refused_and_told_who_was_first_until_taking_it(alice):
    conversation, bob = make_conversation(), make_user("bob2", "agents")
    act(logged_in(alice), conversation, "take-over")
    refused = act(logged_in(bob), conversation, "say", text="Me too.")
    assert (refused.status_code, refused.json()) == (409, {"code": "taken", "agent_name": "alice"})
    assert "alice answers this customer" in logged_in(bob).get(reverse("desk-hands", args=[conversation.pk])).text
    assert act(logged_in(bob), conversation, "take-over", force="1").status_code == 200
    assert Conversation.objects.get(pk=conversation.pk).assignee == bob


def test_handing_back_closing_and_opening_again(alice):
    conversation, client = make_conversation(), logged_in(alice)
    act(client, conversation, "take-over")
    assert "The bot answers" in act(client, conversation, "hand-back").text
    assert "Closed." in act(client, conversation, "close").text
    assert "The bot answers" in act(client, conversation, "reopen").text


def test_an_empty_or_endless_message_is_refused_and_takes_nothing_over(alice):
    conversation = make_conversation()
    assert act(logged_in(alice), conversation, "say", text="  ").json() == {"code": "empty"}
    assert act(logged_in(alice), conversation, "say", text="x" * 2001).json() == {"code": "too_long"}
    assert Conversation.objects.get(pk=conversation.pk).handled_by == "bot"


def test_without_a_script_the_form_leads_back_to_the_conversation(alice):
    conversation = make_conversation()
    answer = logged_in(alice).post(reverse("desk-say", args=[conversation.pk]), {"text": "Hello"})
    assert answer.url == reverse("desk-conversation", args=[conversation.pk])


def test_only_who_answers_tells_the_customer_what_was_seen(alice):
    conversation = make_conversation()
    assert act(logged_in(alice), conversation, "seen", seq="1").status_code == 204
    assert Conversation.objects.get(pk=conversation.pk).agent_seen_seq == 0
    handling.take_over(conversation=conversation, agent=alice)
    act(logged_in(alice), conversation, "seen", seq="1")
    assert Conversation.objects.get(pk=conversation.pk).agent_seen_seq == 1
    assert act(logged_in(alice), conversation, "seen", seq="²").status_code == 400


def test_what_a_customer_sent_is_shown_with_its_name(alice):
    conversation = make_conversation()
    file = {"id": str(conversation.pk), "name": "<b>broken.png", "content_type": "image/png", "size": 2048}
    conversation.messages.filter(seq=1).update(attachments=[file])
    page = logged_in(alice).get(reverse("desk-conversation", args=[conversation.pk])).text
    assert "&lt;b&gt;broken.png" in page
    assert "<b>broken.png" not in page
    assert Reply.objects.count() == 1


def test_beside_the_transcript_stand_what_is_open_and_what_the_customer_said_of_themselves(alice):
    conversation = make_conversation()
    ConversationSummary.objects.create(
        conversation=conversation,
        text="Customer: Can I return a <b>cup</b>?\nBot: Within 30 days.",
        open_points=[{"seq": 1, "text": "Where is my parcel?", "reason": "declined"}],
    )
    message = conversation.messages.get(seq=1)
    CustomerFact.objects.create(customer=conversation.customer, message=message, name="order_number", value="TR-31877")
    pane = logged_in(alice).get(reverse("desk-context", args=[conversation.pk])).text
    assert "Where is my parcel?" in pane and "declined" in pane
    assert "Customer: Can I return a &lt;b&gt;cup&lt;/b&gt;?</li>" in pane and ">Bot: Within 30 days.</li>" in pane
    assert "Order" in pane and "TR-31877" in pane
