"""What helps an agent in a conversation: notes, a suggested reply, translations, and why a reply is what it is."""

import pytest
from django.urls import reverse

from chatbot.assist.models import Status, Suggestion, Translation
from chatbot.conversations.models import Conversation, Customer, Reply
from chatbot.notes.models import Note
from tests.webui.desk.conftest import logged_in, make_conversation, make_exchange, make_user

pytestmark = pytest.mark.django_db
PARTIAL = {"X-Partial": "1"}


def post(client, name, *args, **fields):
    return client.post(reverse(name, args=args), fields, headers=PARTIAL)


def page_of(user, conversation) -> str:
    return logged_in(user).get(reverse("desk-conversation", args=[conversation.pk])).text


def test_outsiders_write_read_and_ask_nothing(client, alice, charlie):
    conversation = make_conversation()
    note = Note.objects.create(conversation=conversation, author=alice, author_name="a", text="Psst.", after_seq=1)
    suggestion = Suggestion.objects.create(conversation=conversation, for_seq=1)
    translation = Translation.objects.create(conversation=conversation, text="Hi", target="zh")
    posts = [("desk-note", []), ("desk-note-change", [note.pk]), ("desk-suggest", []), ("desk-translate", [])]
    gets = [("desk-suggestion", [suggestion.pk]), ("desk-translation", [translation.pk])]
    for name, args in posts:
        assert post(logged_in(charlie), name, conversation.pk, *args, text="Hi", do="delete").status_code == 403
        assert post(client, name, conversation.pk, *args, text="Hi", do="delete").status_code == 302
        assert logged_in(alice).get(reverse(name, args=[conversation.pk, *args])).status_code == 405
    for name, args in gets:
        address = reverse(name, args=[conversation.pk, *args])
        assert (logged_in(charlie).get(address).status_code, client.get(address).status_code) == (403, 302)
    assert Note.objects.shown().get().text == "Psst."
    assert (Suggestion.objects.count(), Translation.objects.count()) == (1, 1)


def test_what_belongs_to_another_conversation_is_not_found(alice):
    conversation, other = make_conversation(), make_conversation()
    note = Note.objects.create(conversation=other, author=alice, author_name="a", text="There.", after_seq=1)
    suggestion = Suggestion.objects.create(conversation=other, for_seq=1)
    translation = Translation.objects.create(conversation=other, text="Hi", target="zh")
    client = logged_in(alice)
    assert post(client, "desk-note-change", conversation.pk, note.pk, do="delete").status_code == 404
    assert client.get(reverse("desk-suggestion", args=[conversation.pk, suggestion.pk])).status_code == 404
    assert client.get(reverse("desk-translation", args=[conversation.pk, translation.pk])).status_code == 404
    assert post(client, "desk-translate", conversation.pk, seq="99").status_code == 404
    assert post(client, "desk-translate", conversation.pk, seq="one").status_code == 400


def test_a_note_stands_below_its_message_and_the_bot_goes_on(alice):
    conversation = make_conversation()
    answer = post(logged_in(alice), "desk-note", conversation.pk, text="Call <b>back</b>.", client_id="n1")
    assert 'data-seq="2"' in answer.text and "Call &lt;b&gt;back&lt;/b&gt;." in answer.text
    assert "Call &lt;b&gt;back&lt;/b&gt;." in page_of(alice, conversation)
    assert Conversation.objects.get(pk=conversation.pk).handled_by == "bot"


def test_a_colleague_s_note_has_no_buttons_and_refuses_changes(alice):
    conversation, bob = make_conversation(), make_user("bob2", "agents")
    post(logged_in(alice), "desk-note", conversation.pk, text="Mine.")
    assert "data-note-delete" in page_of(alice, conversation)
    assert "data-note-delete" not in page_of(bob, conversation)
    refused = post(logged_in(bob), "desk-note-change", conversation.pk, Note.objects.get().pk, text="Yours.")
    assert (refused.status_code, refused.json()) == (400, {"code": "not_yours"})


def test_without_a_script_a_refused_note_is_said_on_the_page(alice):
    conversation, client = make_conversation(), logged_in(alice)
    address = reverse("desk-note", args=[conversation.pk])
    assert "There is nothing in the note yet." in client.post(address, {"text": " "}, follow=True).text
    assert "Seen it." in client.post(address, {"text": "Seen it."}, follow=True).text


def test_an_agent_is_told_what_the_bot_would_say_once_it_is_known(alice):
    conversation, client = make_conversation(), logged_in(alice)
    assert 'data-status="pending"' in post(client, "desk-suggest", conversation.pk).text
    suggestion = Suggestion.objects.get()
    Suggestion.objects.update(status=Status.DONE, text="Within 30 days.", origin="approved text")
    shown = client.get(reverse("desk-suggestion", args=[conversation.pk, suggestion.pk])).text
    assert "Within 30 days." in shown and "data-use" in shown
    Suggestion.objects.update(status=Status.FAILED, error="declined")
    shown = client.get(reverse("desk-suggestion", args=[conversation.pk, suggestion.pk])).text
    assert "No approved answer fits" in shown and "data-use" not in shown


def test_a_suggestion_whose_worker_died_is_asked_for_again(alice, monkeypatch):
    conversation, client = make_conversation(), logged_in(alice)
    post(client, "desk-suggest", conversation.pk)
    post(client, "desk-suggest", conversation.pk)
    assert Suggestion.objects.count() == 1
    monkeypatch.setattr("chatbot.assist.requests._LOST_AFTER_S", -1)
    post(client, "desk-suggest", conversation.pk)
    assert Suggestion.objects.count() == 2


def test_a_message_in_the_agent_s_own_language_needs_no_translation_and_another_keeps_its_original(alice, settings):
    settings.OPENAI_URL, settings.OPENAI_MODEL = "http://127.0.0.1:9/v1", "big"
    conversation = make_conversation(question="杯子可以退吗")
    assert page_of(alice, conversation).count("data-translate") == 1
    client = logged_in(alice)
    assert 'data-status="pending"' in post(client, "desk-translate", conversation.pk, seq="1").text
    Translation.objects.update(status=Status.DONE, translated_text="Can I return a cup?", model_version="big")
    page = page_of(alice, conversation)
    assert "Can I return a cup?" in page and "杯子可以退吗" in page and "Translated by big" in page


def test_without_a_larger_model_a_translation_says_what_it_takes(alice):
    conversation = make_conversation(question="杯子可以退吗")
    assert "KEFU_OPENAI_URL" in post(logged_in(alice), "desk-translate", conversation.pk, seq="1").text
    assert "KEFU_OPENAI_URL" in post(logged_in(alice), "desk-translate", conversation.pk, text="你好").text


def test_why_a_reply_is_what_it_is_shows_reason_thresholds_and_what_was_used(alice):
    conversation = make_conversation()
    Reply.objects.update(
        decision={
            "reason": "sure_of_entry",
            "probabilities": {"answer": 0.62, "question": 0.9},
            "thresholds": {"answer": 0.45},
            "entries": [{"id": "returns.en", "question": "Can I return it?", "score": 0.8}],
        },
        support=[{"start": 0, "end": 15, "source": 0, "source_start": 0, "source_end": 15}],
    )
    page = page_of(alice, conversation)
    assert "One approved answer fits well enough." in page
    assert "of 45\u00a0% needed" in page
    assert "<mark>Within 30 days.</mark>" in page


def test_a_reply_from_before_decisions_were_kept_shows_its_sources_as_they_are(alice):
    conversation = make_conversation()
    Reply.objects.update(decision={}, support=[])
    page = page_of(alice, conversation)
    assert "Within 30 days." in page and "<mark>" not in page


def test_the_pane_lists_the_customer_s_other_conversations_and_their_rating(alice):
    conversation = make_conversation()
    other = Conversation.objects.create(customer=conversation.customer)
    make_exchange(other, "Do you deliver to islands?", "Yes.")
    Conversation.objects.filter(pk=conversation.pk).update(rating=4, rating_comment="Quick!")
    Reply.objects.filter(conversation=conversation).update(rating="down", rating_reason="too short")
    page = page_of(alice, conversation)
    assert reverse("desk-conversation", args=[other.pk]) in page
    assert "★★★★☆" in page and "Quick!" in page and "too short" in page
    stranger = Conversation.objects.create(customer=Customer.objects.create())
    assert reverse("desk-conversation", args=[stranger.pk]) not in page


def test_looking_at_the_notes_answers_a_mention(alice):
    conversation, bob = make_conversation(), make_user("bob2", "agents")
    post(logged_in(alice), "desk-note", conversation.pk, text="@bob2 look")
    assert "Mentions of you" in page_of(bob, conversation)
    post(logged_in(bob), "desk-seen", conversation.pk, seq="2")
    assert "@bob2 · seen" in page_of(alice, conversation)


def test_undo_takes_the_latest_act_back_once(alice):
    conversation, client = make_conversation(), logged_in(alice)
    post(client, "desk-take-over", conversation.pk)
    assert "The bot answers" in post(client, "desk-undo", conversation.pk).text
    refused = post(client, "desk-undo", conversation.pk)
    assert (refused.status_code, refused.json()) == (409, {"code": "nothing_to_undo"})
