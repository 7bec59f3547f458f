"""Drafts in the admin: what would change is shown, publishing and rejecting are an admin's, and happen once."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP
from chatbot.knowledge import drafts
from chatbot.knowledge.models import Answer, AnswerDraft
from chatbot.knowledge.services import save_answer
from tests.people import logged_in, make_user
from webui.text_diff import diff_of

pytestmark = pytest.mark.django_db
LIST = "/admin/knowledge/answerdraft/"


@pytest.fixture
def alice() -> User:
    return make_user("alice", AGENTS_GROUP)


@pytest.fixture
def bob() -> Client:
    return logged_in(make_user("bob", ADMINS_GROUP))


@pytest.fixture
def change(alice) -> AnswerDraft:
    returns = save_answer(id="returns.en", language="en", question="Can I return it?", answer="Within 30 days.")
    return drafts.propose_change(answer=returns, author=alice, text="Within 60 days.")


def decide(client: Client, draft: AnswerDraft, **posted):
    return client.post(f"{LIST}{draft.pk}/decide/", {"version": drafts.version_of(draft)} | posted, follow=True)


def test_the_change_is_shown_and_published_by_an_admin(bob, change):
    assert "returns.en" in bob.get(LIST).content.decode()
    html = bob.get(f"{LIST}{change.pk}/change/").content.decode()
    assert "<del>30</del><ins>60</ins>" in html
    assert "returns.en is live" in decide(bob, change, act="publish", answer="Within 60 days, unused.").content.decode()
    assert Answer.objects.get().answer == "Within 60 days, unused."
    assert "Somebody has decided" in decide(bob, change, act="reject").content.decode()


def test_a_rejected_draft_changes_nothing_and_says_who_rejected_it(bob, change):
    decide(bob, change, act="reject")
    assert Answer.objects.get().answer == "Within 30 days."
    html = bob.get(f"{LIST}{change.pk}/change/").content.decode()
    assert "Rejected" in html and "bob" in html and 'value="publish"' not in html


def test_what_was_changed_meanwhile_must_be_looked_at_first(bob, change):
    stale = drafts.version_of(change)
    save_answer(id="returns.en", language="en", question="Can I return it?", answer="Within 14 days.")
    assert "was changed since you looked" in decide(bob, change, act="publish", version=stale).content.decode()
    assert decide(bob, change, act="publish", version="x").status_code == 200
    assert Answer.objects.get().answer == "Within 14 days."


def test_a_draft_that_would_be_no_answer_says_why_and_keeps_waiting(bob, change):
    assert "be published like this" in decide(bob, change, act="publish", answer=" ").content.decode()
    assert AnswerDraft.objects.get().status == "waiting" and Answer.objects.get().answer == "Within 30 days."


def test_agents_outsiders_and_visitors_decide_nothing(alice, change):
    for client in (logged_in(alice), logged_in(make_user("charlie"))):
        for address in (LIST, f"{LIST}{change.pk}/change/"):
            assert client.get(address).status_code == 403
        assert decide(client, change, act="publish").status_code == 403
    assert Client().post(f"{LIST}{change.pk}/decide/", {"act": "publish"}).status_code == 302
    assert AnswerDraft.objects.get().status == "waiting"


def test_drafts_are_not_added_or_deleted_here_and_a_missing_one_is_404(bob, change):
    assert bob.get(f"{LIST}add/").status_code == bob.get(f"{LIST}{change.pk}/delete/").status_code == 403
    assert bob.get(f"{LIST}999/change/").status_code == bob.get(f"{LIST}x/change/").status_code == 404
    assert bob.get(f"{LIST}{change.pk}/decide/").status_code == 405


def test_a_difference_is_told_by_words_in_english_and_characters_in_chinese_and_escaped():
    assert diff_of("可以退货", "可以换货") == "可以<del>退</del><ins>换</ins>货"
    assert diff_of("a <b>", "a <i>") == "a &lt;<del>b</del><ins>i</ins>&gt;"
    assert diff_of("", "new") == "<ins>new</ins>"
