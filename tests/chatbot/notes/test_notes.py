"""Notes for colleagues: who is told, what can be taken back, and that a customer never hears of them."""

import pytest
from django.contrib.auth.models import AnonymousUser, User

from chatbot import events, privacy
from chatbot.conversations import services as conversations
from chatbot.conversations.models import AGENTS_GROUP, Conversation, Customer
from chatbot.inbox import boxes
from chatbot.notes import services
from chatbot.notes.demo import add_demo_canned_replies
from chatbot.notes.models import CannedReply, Mention, Note
from tests.people import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def conversation() -> Conversation:
    started = conversations.current_conversation(customer=Customer.objects.create())
    conversations.receive_message(conversation=started, text="Where is my parcel?", client_id="")
    return Conversation.objects.get(pk=started.pk)


@pytest.fixture(autouse=True)
def published(monkeypatch) -> list:
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *args: None)
    happened = []
    monkeypatch.setattr(events, "publish", happened.append)
    return happened


@pytest.fixture
def alice() -> User:
    return make_user("alice", AGENTS_GROUP)


@pytest.fixture
def bob() -> User:
    return make_user("Bob.Lee", AGENTS_GROUP)


def mentioned_box(agent: User) -> list:
    found = boxes.conversations_in(boxes.MENTIONED, Conversation.objects.all(), agent=agent, now=None)
    return list(found)


def test_a_mentioned_colleague_finds_the_conversation_until_they_have_seen_the_note(conversation, alice, bob):
    services.add_note(conversation=conversation, author=alice, text="@bob.lee. can you look? Not @charlie or a@alice")
    assert mentioned_box(bob) == [conversation]
    assert mentioned_box(alice) == []
    assert services.mark_mentions_seen(conversation=conversation, agent=bob) == 1
    assert mentioned_box(bob) == []
    assert services.mark_mentions_seen(conversation=conversation, agent=bob) == 0


def test_a_note_is_saved_once_per_client_id_and_stands_below_the_latest_message(conversation, alice):
    first = services.add_note(conversation=conversation, author=alice, text=" Carrier lost it. ", client_id="n1")
    again = services.add_note(conversation=conversation, author=alice, text="Carrier lost it.", client_id="n1")
    assert (first, first.text, first.after_seq) == (again, "Carrier lost it.", 1)


def test_changing_a_note_tells_whom_it_mentions_anew_and_forgets_whom_it_no_longer_does(conversation, alice, bob):
    note = services.add_note(conversation=conversation, author=alice, text="@bob.lee?")
    services.edit_note(note=note, editor=alice, text="Solved.")
    assert not Mention.objects.exists()
    services.edit_note(note=note, editor=alice, text="@Bob.Lee not solved")
    assert mentioned_box(bob) == [conversation]


def test_a_deleted_note_is_out_of_sight_and_comes_back_with_its_mention(conversation, alice, bob):
    note = services.add_note(conversation=conversation, author=alice, text="@bob.lee?")
    services.delete_note(note=note, by=alice)
    assert (list(Note.objects.shown()), mentioned_box(bob)) == ([], [])
    services.restore_note(note=note, by=alice)
    assert (list(Note.objects.shown()), mentioned_box(bob)) == ([note], [conversation])


@pytest.mark.parametrize(("text", "code"), [("  ", "empty"), ("x" * 4001, "too_long")])
def test_what_is_no_note_is_refused(conversation, alice, text, code):
    with pytest.raises(services.NoteRefusedError) as refused:
        services.add_note(conversation=conversation, author=alice, text=text)
    assert refused.value.code == code


def test_only_who_wrote_a_note_changes_it(conversation, alice, bob):
    note = services.add_note(conversation=conversation, author=alice, text="Mine.")
    for change in (
        lambda: services.edit_note(note=note, editor=bob, text="Yours."),
        lambda: services.delete_note(note=note, by=bob),
    ):
        with pytest.raises(services.NoteRefusedError):
            change()
    assert Note.objects.shown().get().text == "Mine."


def test_no_event_of_a_note_reaches_the_customer_but_it_is_part_of_their_data(conversation, alice, published):
    published.clear()
    services.add_note(conversation=conversation, author=alice, text="A difficult one.")
    assert published and all(event.is_for_desk for event in published)
    assert not Note.objects.visible_to(AnonymousUser()).exists()
    assert "A difficult one." in str(privacy.rows_about(conversation.customer)["notes.note"])
    privacy.forget_customer(customer=conversation.customer)
    assert not Note.objects.exists()


def test_canned_replies_are_in_the_customer_s_language_with_the_names_filled_in(conversation, alice):
    assert add_demo_canned_replies() == 6
    assert add_demo_canned_replies() == 0
    conversations.set_language(conversation=conversation, language="zh-hans")
    conversation.refresh_from_db()
    hello = {one.shortcut: one.text for one in services.canned_replies_for(conversation=conversation, agent=alice)}
    assert hello["hello"].startswith("您好，我是alice。")  # no name, no gap
    Customer.objects.filter(pk=conversation.customer_id).update(name="王小姐")
    named = services.canned_replies_for(conversation=Conversation.objects.get(pk=conversation.pk), agent=alice)
    assert "王小姐您好" in "".join(one.text for one in named)


def test_a_canned_reply_without_a_translation_is_offered_in_the_language_that_it_has():
    reply = CannedReply(title="Hours", shortcut="hours", text_en="We open at nine.")
    assert reply.text_in("zh-hans") == "We open at nine."
