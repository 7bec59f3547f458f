"""The inbox: views, searches, the row's menu, saved searches; for an agent, and not for an outsider."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chatbot.conversations import handling, services
from chatbot.conversations.models import Conversation, Tag
from chatbot.inbox import presence
from chatbot.inbox import services as inbox
from chatbot.inbox.models import SavedSearch
from tests.webui.desk.conftest import logged_in, make_conversation
from tests.webui.desk.test_list import num_queries, shown

pytestmark = pytest.mark.django_db


def test_each_view_shows_what_it_says(alice, bob):
    client = logged_in(alice)
    mine, bobs, closed, snoozed = (make_conversation() for _ in range(4))
    handling.assign(conversation=mine, assignee=alice)
    handling.assign(conversation=bobs, assignee=bob)
    handling.close(conversation=closed, agent=bob)
    handling.snooze(conversation=snoozed, until=timezone.now() + timedelta(hours=1))
    expected = {
        "mine": {mine},
        "unassigned": set(),
        "open": {mine, bobs},
        "snoozed": {snoozed},
        "closed": {closed},
        "all": {mine, bobs, closed, snoozed},
    }
    for view, conversations in expected.items():
        assert set(shown(client.get(f"/desk/?view={view}"))) == {str(c.pk) for c in conversations}, view


def test_a_snoozed_conversation_wakes_at_its_time(alice):
    conversation = make_conversation()
    handling.snooze(conversation=conversation, until=timezone.now() + timedelta(hours=1))
    assert shown(logged_in(alice).get("/desk/")) == []
    Conversation.objects.update(snoozed_until=timezone.now() - timedelta(seconds=1))
    assert shown(logged_in(alice).get("/desk/")) == [str(conversation.pk)]


def test_who_has_waited_longest_is_first_and_overdue_is_a_word(alice, settings):
    made = [make_conversation(action="handoff") for _ in range(3)]
    for n, conversation in enumerate(made):
        since = timezone.now() - timedelta(seconds=settings.SLA_DUE_S * n + 1)
        Conversation.objects.filter(pk=conversation.pk).update(waiting_since=since)
    response = logged_in(alice).get("/desk/?view=waiting")
    assert shown(response) == [str(conversation.pk) for conversation in reversed(made)]
    html = response.content.decode()
    assert "wait-calm" in html and "wait-due" in html


def test_a_search_shows_its_hits_marked_and_its_filters_as_chips(alice):
    found = make_conversation(question="我想退货")
    make_conversation(question="Something else")
    response = logged_in(alice).get("/desk/?view=all&q=退货&language=en&mood=neutral")
    assert shown(response) == [str(found.pk)]
    html = response.content.decode()
    assert "<mark>退货</mark>" in html
    assert html.count('class="chip"') == 3
    assert "/desk/?view=all&amp;q=%E9%80%80%E8%B4%A7&amp;mood=neutral" in html  # the address without the language


def test_the_row_partial_of_a_search_has_its_snippet_again(alice):
    found, other = make_conversation(question="refund please"), make_conversation(question="hello")
    client = logged_in(alice)
    assert (
        "<mark>refund</mark>" in client.get(f"/desk/conversations/{found.pk}/row/?view=all&q=refund").content.decode()
    )
    assert client.get(f"/desk/conversations/{other.pk}/row/?view=all&q=refund").status_code == 204


def test_claim_assign_next_and_release(alice, bob):
    conversation, client = make_conversation(), logged_in(alice)
    address = reverse("desk-assign", args=[conversation.pk])

    def has() -> str | None:
        assignee = Conversation.objects.get(pk=conversation.pk).assignee
        return assignee.username if assignee else None

    for to, expected in (("me", "alice"), (str(bob.pk), "bob"), ("nobody", None)):
        assert client.post(address, {"to": to}).status_code == 302
        assert has() == expected
    assert client.post(address, {"to": "next"}, headers={"X-Partial": "1"}).status_code == 200
    assert has() in ("alice", "bob")
    assert client.post(address, {"to": "999999"}, headers={"X-Partial": "1"}).status_code == 409


def test_snooze_by_preset_by_moment_and_awake_again(alice):
    conversation, client = make_conversation(), logged_in(alice)
    address = reverse("desk-snooze", args=[conversation.pk])
    tomorrow = timezone.now() + timedelta(days=1)
    for data in ({"preset": "hour"}, {"preset": "tomorrow"}, {"preset": "monday"}, {"until": tomorrow.isoformat()}):
        assert client.post(address, data).status_code == 302
        assert Conversation.objects.get(pk=conversation.pk).snoozed_until > timezone.now()
    client.post(address, {"preset": "wake"})
    assert Conversation.objects.get(pk=conversation.pk).snoozed_until is None
    for wrong in ("yesterday", "2020-01-01T09:00", "2026-13-40T00:00"):
        response = client.post(address, {"until": wrong}, headers={"X-Partial": "1"})
        assert response.status_code == 400 and "still to come" in response.content.decode()


@pytest.mark.parametrize("hour", [0, 8, 9, 23])
def test_monday_is_the_first_one_after_today_at_nine(hour):
    for day in range(7):
        now = timezone.localtime().replace(hour=hour, minute=4) + timedelta(days=day)
        monday = timezone.localtime(inbox.snooze_until("monday", now=now))
        assert (monday.weekday(), monday.hour, monday.minute) == (0, 9, 0)
        assert 1 <= (monday.date() - now.date()).days <= 7


def test_tags_go_on_once_whatever_their_case_and_come_off(alice):
    conversation, client = make_conversation(), logged_in(alice)
    address = reverse("desk-tag", args=[conversation.pk])
    for name in ("VIP", "vip ", "退货 问题"):
        assert client.post(address, {"add": name}).status_code == 302
    assert sorted(conversation.tags.values_list("name", flat=True)) == ["VIP", "退货 问题"]
    assert client.get("/desk/tags/?start=v").json() == {"tags": ["VIP"]}
    client.post(address, {"remove": "VIP"})
    assert list(conversation.tags.values_list("name", flat=True)) == ["退货 问题"]
    for wrong in ("", "x" * 41):
        assert client.post(address, {"add": wrong}, headers={"X-Partial": "1"}).status_code == 400
    assert Tag.objects.count() == 2


def test_a_saved_search_is_its_agents_own(alice, bob):
    client = logged_in(alice)
    saved = client.post("/desk/searches/", {"name": "Cross", "query": "?view=all&mood=negative&junk=1"})
    assert saved.url == "/desk/?view=all&mood=negative"
    assert "Cross" in client.get("/desk/").content.decode()
    assert "Cross" not in logged_in(bob).get("/desk/").content.decode()
    search = SavedSearch.objects.get()
    logged_in(bob).post(reverse("desk-forget-search", args=[search.pk]))
    assert SavedSearch.objects.exists()
    client.post(reverse("desk-forget-search", args=[search.pk]))
    assert not SavedSearch.objects.exists()
    assert client.post("/desk/searches/", {"name": "", "query": "?view=all"}).status_code == 400


def test_an_outsider_gets_nowhere_and_changes_nothing(alice, charlie):
    conversation = make_conversation()
    saved = inbox.save_search(agent=alice, name="Mine", query="?view=all")
    gets = ["desk-list", "desk-filters", "desk-tag-names"]
    addresses = [reverse(name) for name in gets] + [reverse("desk-menu", args=[conversation.pk])]
    posts = {
        reverse("desk-assign", args=[conversation.pk]): {"to": "me"},
        reverse("desk-snooze", args=[conversation.pk]): {"preset": "hour"},
        reverse("desk-tag", args=[conversation.pk]): {"add": "x"},
        reverse("desk-save-search"): {"name": "x", "query": "?view=all"},
        reverse("desk-forget-search", args=[saved.pk]): {},
    }
    for client, status in ((logged_in(charlie), 403), (Client(), 302)):
        assert [client.get(address).status_code for address in addresses] == [status] * len(addresses)
        assert [client.post(address, data).status_code for address, data in posts.items()] == [status] * len(posts)
    checked = Client(enforce_csrf_checks=True)
    checked.force_login(alice)
    assert [checked.post(address, data).status_code for address, data in posts.items()] == [403] * len(posts)
    now = Conversation.objects.get(pk=conversation.pk)
    assert (now.assignee, now.snoozed_until, now.tags.count(), SavedSearch.objects.count()) == (None, None, 0, 1)


def test_searches_need_the_same_queries_for_two_hits_and_for_ten(alice):
    client = logged_in(alice)
    for _ in range(2):
        inbox.add_tag(conversation=make_conversation(2, question="refund"), name="a")
    few = num_queries(client, "/desk/rows/?view=all&q=refund")
    for _ in range(8):
        inbox.add_tag(conversation=make_conversation(2, question="refund"), name="b")
    assert num_queries(client, "/desk/rows/?view=all&q=refund") == few


def test_who_waits_is_given_to_the_agents_at_the_desk_in_turn(alice, bob, settings):
    waiting = [make_conversation(action="handoff") for _ in range(2)]
    assert inbox.give_out_waiting() == 0  # the setting is off
    settings.ASSIGN_ON_HANDOFF = True
    presence._client().delete("kefu:desk:online")
    assert inbox.give_out_waiting() == 0  # nobody is there
    presence.be_online(agent=bob)
    presence.be_online(agent=alice)
    assert inbox.give_out_waiting() == 2
    assert {Conversation.objects.get(pk=c.pk).assignee for c in waiting} == {alice, bob}
    assert inbox.give_out_waiting() == 0


def test_presence_is_forgotten_when_nobody_says_so_again(alice, bob, settings):
    id = str(services.current_conversation(customer=make_conversation().customer).pk)
    settings.PRESENCE_TTL_S = settings.TYPING_TTL_S = 60
    presence.look(conversation_id=id, agent=alice)
    presence.type_in(conversation_id=id, agent=bob, is_typing=True)
    people = presence.people_at([id])[id]
    assert [(person.name, person.is_typing) for person in people] == [("alice", False), ("bob", True)]
    presence.leave(conversation_id=id, agent=bob)
    settings.PRESENCE_TTL_S = -1
    presence.look(conversation_id=id, agent=alice)
    assert presence.people_at([id])[id] == []
