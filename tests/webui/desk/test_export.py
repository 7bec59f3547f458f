"""Exports: who may take them, one row each, the inbox's filters, redaction, guarded cells, streamed in pieces."""

import csv
import io
import json
import warnings

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from chatbot.conversations import services, sessions
from chatbot.conversations.models import Customer
from chatbot.review import exports
from chatbot.review.services import review_turn
from tests.webui.desk.conftest import logged_in, make_conversation, make_exchange

pytestmark = [
    pytest.mark.django_db,
    # the test client reads synchronously what a real server streams; the last test goes the real way
    pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume asynchronous iterators"),
]
FILE = "/desk/export/file/"


def content(response) -> str:
    return b"".join(response).decode("utf-8-sig")


def csv_rows(client: Client, query: str) -> list[dict[str, str]]:
    response = client.get(f"{FILE}?format=csv&{query}")
    assert response.status_code == 200 and response["Content-Type"] == "text/csv; charset=utf-8"
    return list(csv.DictReader(io.StringIO(content(response))))


def json_rows(client: Client, query: str) -> list[dict]:
    return [json.loads(line) for line in content(client.get(f"{FILE}?format=jsonl&{query}")).splitlines()]


@pytest.mark.parametrize("address", ["/desk/export/", f"{FILE}?format=csv&level=messages"])
def test_only_agents_and_admins_export(alice, bob, charlie, settings, address):
    make_conversation()
    customer = Client()
    customer.cookies[settings.CUSTOMER_SESSION_COOKIE] = sessions.start_session()[1]
    outsider = logged_in(charlie).get(address)
    assert outsider.status_code == 403 and "Can I return" not in outsider.content.decode()
    for client in (Client(), customer):
        assert client.get(address).status_code == 302
    for user in (alice, bob):
        assert logged_in(user).get(address).status_code == 200
        assert logged_in(user).post(address).status_code == 405


def test_there_is_one_row_per_conversation_and_the_latest_is_first(alice):
    older, newer = make_conversation(2), make_conversation(1)
    rows = csv_rows(logged_in(alice), "level=conversations")
    assert [(row["conversation"], row["num_messages"]) for row in rows] == [(str(newer.pk), "2"), (str(older.pk), "4")]
    assert tuple(rows[0]) == exports.CONVERSATION_COLUMNS


def test_there_is_one_row_per_message_with_its_decision_and_its_reviews(alice):
    conversation = make_conversation(2)
    turn = conversation.messages.get(seq=1)
    review_turn(
        message=turn, reviewer=alice, verdict="wrong_entry", corrected_sentiment="neutral", better_text="60 days."
    )
    rows = json_rows(logged_in(alice), "level=messages")
    assert [(row["seq"], row["author"]) for row in rows] == [(1, "customer"), (2, "bot"), (3, "customer"), (4, "bot")]
    assert (rows[0]["sentiment"], rows[0]["corrected_sentiment"]) == ("negative", "neutral")
    assert (rows[1]["action"], rows[1]["confidence"], rows[1]["sources"]) == ("answer", 0.91, ["returns.en"])
    assert (rows[1]["verdicts"], rows[1]["better_text"], rows[3]["verdicts"]) == (
        ["alice: wrong_entry"],
        "60 days.",
        [],
    )


def test_a_long_list_comes_in_pieces_without_a_gap_or_a_double(alice, monkeypatch):
    monkeypatch.setattr(exports, "_NUM_CONVERSATIONS", 2)
    monkeypatch.setattr(exports, "_NUM_MESSAGES", 3)
    made = [make_conversation(2) for _ in range(5)]
    same = made[0].last_message_at
    for conversation in made[:3]:
        conversation.last_message_at = same
        conversation.save(update_fields=["last_message_at"])
    client = logged_in(alice)
    rows = json_rows(client, "level=conversations")
    assert sorted(row["conversation"] for row in rows) == sorted(str(one.pk) for one in made)
    seqs = [(row["conversation"], row["seq"]) for row in json_rows(client, "level=messages")]
    assert len(seqs) == len(set(seqs)) == 20
    for one in made:
        assert [seq for conversation, seq in seqs if conversation == str(one.pk)] == [1, 2, 3, 4]
    found = json_rows(client, "level=conversations&q=cup")
    assert sorted(row["conversation"] for row in found) == sorted(str(one.pk) for one in made)


def test_the_inboxs_view_filters_and_words_apply(alice):
    calm, unhappy, tea = make_conversation(), make_conversation(), make_conversation(question="Which tea?")
    services.record_mood(conversation_id=unhappy.pk, mood="negative", score=-0.9, trend=0)
    client = logged_in(alice)
    for query, wanted in (
        ("", {calm, unhappy, tea}),
        ("view=unhappy", {unhappy}),
        ("mood=negative", {unhappy}),
        ("q=tea", {tea}),
        ("q=tea&mood=negative", set()),
        ("answer=returns.en", {calm, unhappy, tea}),
        ("since=2999-01-01", set()),
        ("until=9999-12-31&since=0001-01-01", {calm, unhappy, tea}),  # no day of a conversation: as if not there
    ):
        rows = json_rows(client, f"level=conversations&{query}")
        assert {row["conversation"] for row in rows} == {str(one.pk) for one in wanted}, query
    html = client.get("/desk/export/?mood=negative&view=mine").content.decode()
    assert '<input type="hidden" name="mood" value="negative">' in html
    assert '<option value="mine" selected>' in html


def test_redaction_takes_out_who_the_customer_is_and_only_on_request(alice):
    customer = Customer.objects.create(name="Maria Silva", email="maria@example.org")
    conversation = services.current_conversation(customer=customer)
    make_exchange(conversation, "Maria here, order number 4471290, +44 20 7946 0958", "Thanks, Maria.")
    client = logged_in(alice)
    plain = content(client.get(f"{FILE}?format=csv&level=messages"))
    assert "4471290" in plain and "Maria" in plain
    for level in ("messages", "conversations"):
        response = client.get(f"{FILE}?format=jsonl&level={level}&redact=1")
        assert "-redacted.jsonl" in response["Content-Disposition"]
        text = content(response)
        for secret in ("Maria", "maria@", "4471290", "7946"):
            assert secret not in text, (level, secret)
    assert "[name] here, order number [order], [phone]" in json_rows(client, "level=messages&redact=1")[0]["text"]


def test_messages_carry_the_phrases_that_drove_their_sentiment_but_none_that_redaction_touched(alice):
    customer = Customer.objects.create(name="Maria Silva")
    conversation = services.current_conversation(customer=customer)
    make_exchange(conversation, "You lost it, Maria is angry, 真差", "Sorry.")
    message = conversation.messages.get(seq=1)
    services.record_sentiment(message=message, label="negative", probability=0.9, phrases=[(0, 11), (13, 27), (29, 31)])
    client = logged_in(alice)
    told = json_rows(client, "level=messages")
    assert told[0]["sentiment_phrases"] == ["You lost it", "Maria is angry", "真差"]
    assert told[1]["sentiment_phrases"] == []
    assert json_rows(client, "level=messages&redact=1")[0]["sentiment_phrases"] == ["You lost it", "真差"]
    assert csv_rows(client, "level=messages")[0]["sentiment_phrases"] == "You lost it|Maria is angry|真差"


def test_a_cell_that_a_spreadsheet_would_run_is_kept_from_it(alice):
    make_conversation(question='=HYPERLINK("http://evil.example")')
    row = csv_rows(logged_in(alice), "level=messages")[0]
    assert row["text"].startswith("'=HYPERLINK")
    assert json_rows(logged_in(alice), "level=messages")[0]["text"].startswith("=HYPERLINK")


def test_a_level_or_format_that_is_not_there_is_400(alice):
    for query in ("level=everything&format=csv", "level=messages&format=xls", ""):
        assert logged_in(alice).get(f"{FILE}?{query}").status_code == 400


@pytest.mark.parametrize("level", ["conversations", "messages"])
def test_the_file_needs_the_same_queries_for_two_conversations_and_for_twelve(alice, level):
    def num_queries() -> int:
        with CaptureQueriesContext(connection) as queries:
            content(client.get(f"{FILE}?format=csv&level={level}"))
        return len(queries)

    client = logged_in(alice)
    for _ in range(2):
        review_turn(message=make_conversation(2).messages.get(seq=1), reviewer=alice, verdict="right")
    few = num_queries()
    for _ in range(10):
        review_turn(message=make_conversation(2).messages.get(seq=1), reviewer=alice, verdict="right")
    assert num_queries() == few


@pytest.mark.django_db(transaction=True)
async def test_the_file_is_streamed_asynchronously_in_pieces(monkeypatch):
    from asgiref.sync import sync_to_async

    from tests.webui.desk.conftest import AGENTS_GROUP, make_user

    monkeypatch.setattr(exports, "_NUM_CONVERSATIONS", 1)
    agent = await sync_to_async(make_user)("agnes", AGENTS_GROUP)
    for _ in range(3):
        await sync_to_async(make_conversation)()
    client = AsyncClient()
    await client.aforce_login(agent)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        response = await client.get(f"{FILE}?format=jsonl&level=conversations")
        pieces = [piece async for piece in response]
    assert response.is_async and len(pieces) == 3
    assert all(json.loads(piece)["num_messages"] == 2 for piece in pieces)
