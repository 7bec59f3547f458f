"""The desk's list: order, filters, pages, and a number of queries that doesn't grow."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatbot.conversations import services
from chatbot.conversations.models import Customer
from chatbot.review.services import review_turn
from tests.webui.desk.conftest import age, logged_in, make_conversation
from webui.desk.inbox import listing

pytestmark = pytest.mark.django_db


def shown(response) -> list[str]:
    return re.findall(r'<li class="row" data-id="([^"]+)"', response.content.decode())


def num_queries(client, address: str) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address).status_code == 200
    return len(queries)


def test_the_newest_conversation_is_on_top_and_empty_ones_are_left_out(alice):
    old, new = make_conversation(), make_conversation()
    age(old, hours=2)
    services.current_conversation(customer=Customer.objects.create())
    assert shown(logged_in(alice).get("/desk/")) == [str(new.pk), str(old.pk)]


def test_a_row_shows_the_last_words_the_action_and_the_marks(alice):
    conversation = make_conversation(2, action="handoff")
    services.record_mood(conversation_id=conversation.pk, mood="negative", score=-0.9, trend=-0.4)
    html = logged_in(alice).get("/desk/").content.decode()
    for word in (
        conversation.customer_id.hex[:6].upper(),
        "Within 30 days. 1",
        "Handed off",
        "Waiting for a person",
        "Negative",
    ):
        assert word in html
    assert 'class="trend"' in html


def test_filters_keep_what_they_say_and_count_it(alice):
    calm, unhappy, waiting = make_conversation(), make_conversation(), make_conversation(action="handoff")
    services.record_mood(conversation_id=unhappy.pk, mood="negative", score=-0.9, trend=0)
    client = logged_in(alice)
    assert shown(client.get("/desk/?view=unhappy")) == [str(unhappy.pk)]
    assert shown(client.get("/desk/?view=waiting")) == [str(waiting.pk)]
    assert set(shown(client.get("/desk/?view=nonsense"))) == {str(c.pk) for c in (calm, unhappy, waiting)}
    nums = re.findall(r'tab-num">(\d+)<', client.get("/desk/?view=unhappy").content.decode())
    assert nums == ["1", "1", "3"]  # waiting, unhappy, unassigned; nothing is mine


def test_a_row_partial_is_empty_once_the_conversation_left_the_filter(alice):
    conversation, client = make_conversation(), logged_in(alice)
    address = f"/desk/conversations/{conversation.pk}/row/"
    assert shown(client.get(address)) == [str(conversation.pk)]
    assert client.get(f"{address}?view=unhappy").status_code == 204


def test_pages_follow_one_another_without_a_gap_even_at_the_same_moment(alice, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_SIZE", 2)
    made = [make_conversation() for _ in range(5)]
    same = made[0].last_message_at
    for conversation in made[:4]:
        conversation.last_message_at = same
        conversation.save(update_fields=["last_message_at"])
    client, seen, address = logged_in(alice), [], "/desk/rows/"
    for _ in range(3):
        response = client.get(address)
        seen += shown(response)
        following = re.search(r'data-rows="([^"]+)"', response.content.decode())
        address = following.group(1).replace("&amp;", "&") if following else ""
    assert address == ""
    assert len(seen) == 5 and set(seen) == {str(conversation.pk) for conversation in made}


def test_an_invented_cursor_is_404(alice):
    assert logged_in(alice).get("/desk/?cursor=yesterday~x").status_code == 404


def test_an_empty_desk_says_what_to_do(alice):
    client = logged_in(alice)
    assert "Ask something as a customer would" in client.get("/desk/").content.decode()
    assert "Nobody is unhappy" in client.get("/desk/?view=unhappy").content.decode()


def test_the_list_needs_the_same_queries_for_two_rows_and_for_twelve(alice):
    client = logged_in(alice)
    for _ in range(2):
        make_conversation(2)
    few = num_queries(client, "/desk/")
    for _ in range(10):
        make_conversation(2)
    assert num_queries(client, "/desk/") == few <= 18


def test_a_transcript_needs_the_same_queries_for_two_messages_and_for_thirty(alice):
    client = logged_in(alice)
    short, long = make_conversation(1), make_conversation(15)
    for conversation in (short, long):
        for reply in conversation.replies.all():
            review_turn(message=reply.customer_message, reviewer=alice, verdict="right")
    few = num_queries(client, f"/desk/conversations/{short.pk}/")
    assert num_queries(client, f"/desk/conversations/{long.pk}/") == few <= 33
