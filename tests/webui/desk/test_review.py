"""The review pages: who may open what, the way through the queue, corrections, replays, a fixed number of queries."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from chatbot.conversations import sessions
from chatbot.conversations.models import Conversation, Message
from chatbot.knowledge.models import Answer, AnswerDraft
from chatbot.knowledge.services import save_answer
from chatbot.review import queue
from chatbot.review.models import Correction, QueueItem, Replay, Review
from chatbot.review.services import review_turn
from tests.webui.desk.conftest import logged_in, make_conversation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def none_drawn(monkeypatch):
    monkeypatch.setattr(queue, "is_drawn", lambda message_id: False)


def make_turn(question: str = "Can I return a cup?", **reply) -> Message:
    conversation = make_conversation(question=question, **reply)
    queue.fill_queue()
    return conversation.messages.get(author="customer")


def make_example(message: Message, author) -> Correction:
    fields = {"kind": "example", "answer_id": "x", "example": {"text": "x"}}
    return Correction.objects.create(message=message, author=author, **fields)


def page(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def routes(alice) -> dict[str, list[str]]:
    save_answer(id="returns.en", language="en", question="Can I return it?", answer="Within 30 days.")
    message = make_turn()
    review = review_turn(message=message, reviewer=alice, verdict="wrong_entry")
    made = make_example(message, alice)
    replay = Replay.objects.create(conversation=message.conversation)
    return {
        "get": [
            reverse("desk-review"),
            reverse("desk-review-next"),
            reverse("desk-review-side"),
            reverse("desk-review-item", args=[message.pk]),
            reverse("desk-corrections"),
            reverse("desk-examples", args=["paraphrases"]),
            reverse("desk-replay", args=[replay.pk]),
        ],
        "post": [
            reverse("desk-mark", args=[message.pk]),
            reverse("desk-pick", args=[message.pk, review.pk]),
            reverse("desk-withdraw", args=[made.pk]),
            reverse("desk-start-replay", args=[message.conversation_id]),
        ],
    }


def test_an_outsider_gets_403_and_no_word_and_changes_nothing(charlie, routes):
    client = logged_in(charlie)
    for address in routes["get"]:
        response = client.get(address)
        assert response.status_code == 403 and "Can I return a cup?" not in response.content.decode()
    for address in routes["post"]:
        assert client.post(address, {"verdict": "right"}).status_code == 403
    assert_nothing_changed()


def test_anonymous_visitors_and_customers_are_sent_to_the_login(settings, routes):
    customer = Client()
    customer.cookies[settings.CUSTOMER_SESSION_COOKIE] = sessions.start_session()[1]
    for client in (Client(), customer):
        for address in routes["get"]:
            assert client.get(address).url == f"/login/?next={address}"
        for address in routes["post"]:
            assert client.post(address, {"verdict": "right"}).url == f"/login/?next={address}"
    assert_nothing_changed()


def assert_nothing_changed():
    assert list(Review.objects.values_list("verdict", "is_authoritative")) == [("wrong_entry", False)]
    assert Correction.objects.count() == Replay.objects.count() == 1


def test_agents_and_admins_open_every_page_and_posts_need_the_token(alice, bob, routes):
    for user in (alice, bob):
        for address in routes["get"]:
            assert logged_in(user).get(address, follow=True).status_code == 200
            assert logged_in(user).post(address).status_code == 405
    client = Client(enforce_csrf_checks=True)
    client.force_login(bob)
    assert [client.post(address).status_code for address in routes["post"]] == [403] * 4


def test_only_an_admin_picks_the_review_that_counts(alice, bob):
    message = make_turn()
    review = review_turn(message=message, reviewer=alice, verdict="wrong_entry")
    review_turn(message=message, reviewer=bob, verdict="right")
    address = reverse("desk-pick", args=[message.pk, review.pk])
    assert logged_in(alice).post(address).status_code == 403
    assert not Review.objects.filter(is_authoritative=True).exists()
    html = logged_in(bob).post(address, {"queue": ""}, headers={"X-Partial": "1"}).content.decode()
    assert Review.objects.get(is_authoritative=True) == review
    assert "counts" in html and html.count("Let this one count") == 1


def test_admins_have_a_queue_of_what_reviewers_differ_on(alice, bob):
    message = make_turn("disputed", action="decline")
    review_turn(message=message, reviewer=alice, verdict="wrong_entry")
    review_turn(message=message, reviewer=bob, verdict="right")
    assert f'data-turn="{message.pk}"' in page(logged_in(bob), "/desk/review/?view=disputed")
    assert "Disputed" not in page(logged_in(alice), "/desk/review/")
    assert f'data-turn="{message.pk}"' not in page(logged_in(bob), "/desk/review/")


def test_the_queue_says_why_and_shows_the_turn_in_its_context(alice):
    conversation = make_conversation(2, question="Can I return a cup?", action="decline", confidence=0.2)
    queue.fill_queue()
    second = conversation.messages.filter(author="customer").last()
    html = page(logged_in(alice), reverse("desk-review-item", args=[second.pk]))
    for word in ("Declined", "Low confidence", "Unhappy", "Can I return a cup? 0", "Within 30 days. 0",
                 "Can I return a cup? 1", "Within 30 days. 1", "20\u00a0%", "Can I return it?"):  # fmt: skip
        assert word in html, word
    assert " style=" not in html and " onclick=" not in html


def test_filters_in_the_address_narrow_the_queue(alice):
    unhappy = make_turn("unhappy")
    declined = make_turn("declined", action="decline")
    QueueItem.objects.filter(pk=declined.pk).update(language="zh", is_negative=False, sentiment="neutral")
    client = logged_in(alice)
    for query, found in (
        ("", {unhappy, declined}),
        ("?why=declined", {declined}),
        ("?why=negative", {unhappy}),
        ("?language=zh", {declined}),
        ("?sentiment=negative", {unhappy}),
        ("?since=2999-01-01", set()),
        ("?until=2999-01-01&why=nonsense", {unhappy, declined}),
        ("?until=9999-12-31&since=0001-01-01", {unhappy, declined}),
        ("?view=sample", set()),
    ):
        html = page(client, f"/desk/review/{query}")
        assert {m for m in (unhappy, declined) if f'data-turn="{m.pk}"' in html} == found, query


def test_a_verdict_without_a_script_leads_on_to_the_next_turn_with_the_same_filters(alice):
    first, second = make_turn("worse", action="decline"), make_turn("bad")
    client = logged_in(alice)
    start = client.get("/desk/review/next/?language=en")
    assert start.url == f"/desk/review/{first.pk}/?language=en"
    address = reverse("desk-mark", args=[first.pk])
    response = client.post(address, {"verdict": "right", "queue": "?language=en"})
    assert client.get(response.url).url == f"/desk/review/{second.pk}/?language=en"
    client.post(reverse("desk-mark", args=[second.pk]), {"verdict": "right", "queue": ""})
    assert client.get("/desk/review/next/").url == "/desk/review/"
    assert "Nothing is at risk" in page(client, "/desk/review/")


def test_a_verdict_and_a_correction_are_kept_in_one_step_and_nothing_is_live(alice):
    message = make_turn("Do you sell gift cards?", action="decline")
    posted = {"verdict": "missing_answer", "better_text": "Yes, from $10.", "correction": "new_answer", "queue": ""}
    posted["answer_id"] = "returns.en"  # what the form's hidden field for entries holds
    response = logged_in(alice).post(reverse("desk-mark", args=[message.pk]), posted, headers={"X-Partial": "1"})
    assert response.status_code == 200
    draft = AnswerDraft.objects.get()
    assert (draft.proposed["answer"], draft.status, draft.author) == ("Yes, from $10.", "waiting", alice)
    assert Review.objects.get().better_text == "Yes, from $10." and not Answer.objects.exists()
    html = page(logged_in(alice), "/desk/review/corrections/")
    assert "Yes, from $10." in html and "Waiting for an admin" in html


def test_a_correction_that_is_refused_keeps_no_review_either_and_says_why(alice):
    message = make_turn()
    posted = {"verdict": "wrong_entry", "correction": "alternative", "answer_id": "nothing.en", "queue": ""}
    response = logged_in(alice).post(reverse("desk-mark", args=[message.pk]), posted)
    assert response.status_code == 400 and "There is no entry “nothing.en”" in response.json()["text"]
    assert not Review.objects.exists() and not Correction.objects.exists()


def test_examples_are_a_file_with_one_line_each(alice):
    save_answer(id="returns.en", language="en", question="Can I return it?", answer="Within 30 days.")
    message = make_turn("money back pls")
    posted = {"verdict": "wrong_entry", "correction": "example", "answer_id": "returns.en", "queue": ""}
    logged_in(alice).post(reverse("desk-mark", args=[message.pk]), posted)
    (line,) = logged_in(alice).get("/desk/review/corrections/paraphrases.jsonl").content.decode().splitlines()
    assert json.loads(line)["answer_id"] == "returns.en"
    assert logged_in(alice).get("/desk/review/corrections/everything.jsonl").status_code == 404


def test_one_withdraws_ones_own_correction_and_an_admin_anybodys(alice, bob):
    message = make_turn()
    own, other = make_example(message, alice), make_example(message, bob)
    client = logged_in(alice)
    assert client.post(reverse("desk-withdraw", args=[other.pk])).status_code == 403
    client.post(reverse("desk-withdraw", args=[own.pk]))
    assert list(Correction.objects.all()) == [other]
    logged_in(bob).post(reverse("desk-withdraw", args=[other.pk]))
    assert not Correction.objects.exists()


def test_a_replay_is_asked_for_shown_under_way_and_side_by_side(alice, monkeypatch):
    queued = []
    monkeypatch.setattr("chatbot.queue.enqueue", lambda *args: queued.append(args))
    conversation: Conversation = make_turn().conversation
    client = logged_in(alice)
    response = client.post(reverse("desk-start-replay", args=[conversation.pk]))
    replay = Replay.objects.get()
    assert response.url == f"/desk/review/replays/{replay.pk}/"
    assert "Answering: 0 of 1" in page(client, response.url)
    replay.replies = [{"seq": 1, "text": "Within 60 days.", "action": "answer", "sources": [{"id": "new.en"}]}]
    replay.status = "done"
    replay.save()
    html = page(client, response.url)
    for word in ("1 reply would be another one now", "Within 30 days. 0", "Within 60 days.", "Changed", "new.en"):
        assert word in html, word
    partial = client.get(response.url, headers={"X-Partial": "1"}).content.decode()
    assert "<html" not in partial and 'data-under-way="false"' in partial


def test_what_a_customer_typed_is_shown_and_not_run(alice):
    message = make_turn("<script>alert(1)</script>")
    for address in ("/desk/review/", reverse("desk-review-item", args=[message.pk])):
        assert "<script>alert" not in page(logged_in(alice), address)


def test_the_pages_need_the_same_queries_for_one_turn_and_for_many(alice, bob):
    def num_queries(address: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            page(client, address)
        return len(queries)

    client, message = logged_in(alice), make_turn()
    addresses = ["/desk/review/", reverse("desk-review-item", args=[message.pk]), "/desk/review/corrections/"]
    add_corrections(message, alice, 1)
    few = [num_queries(address) for address in addresses]
    for n in range(12):
        review_turn(message=make_turn(f"turn {n}"), reviewer=bob, verdict="right")
    add_corrections(message, alice, 12)
    assert [num_queries(address) for address in addresses] == few
    assert max(few) <= 20


def add_corrections(message: Message, author, num: int) -> None:
    for n in range(num):
        draft = AnswerDraft.objects.create(answer_id="x", proposed={"answer": f"x {n}", "alternatives": []})
        Correction.objects.create(kind="new_answer", message=message, author=author, answer_id="x", draft=draft)
