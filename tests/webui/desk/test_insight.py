"""The insight page: who may open it, what its address says, its findings, its CSV and its number of queries."""

import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.chatbot.insight.conftest import answers, converse  # noqa: F401
from tests.webui.desk.conftest import logged_in
from webui.desk.insight.views import CHARTS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("answers")]

ADDRESSES = ["/desk/insight/", *(f"/desk/insight/{key}.csv" for key in CHARTS)]


def ago(**delta: float):
    return timezone.now() - timedelta(**delta)


def rows_of(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


@pytest.mark.parametrize("address", ADDRESSES)
def test_only_agents_and_admins_open_it(alice, bob, charlie, address):
    converse(("neutral", "decline", ""), at=ago(hours=2))
    assert logged_in(alice).get(address).status_code == logged_in(bob).get(address).status_code == 200
    outsider = logged_in(charlie).get(address)
    assert outsider.status_code == 403 and "Where is 0" not in outsider.content.decode()
    assert Client().get(address).url == f"/login/?next={address}"
    assert logged_in(alice).post(address).status_code == 405


def test_a_chart_that_is_not_there_is_404(alice):
    assert logged_in(alice).get("/desk/insight/nothing.csv").status_code == 404


def test_without_data_the_page_says_what_to_do(alice):
    html = logged_in(alice).get("/desk/insight/").content.decode()
    assert "No figures yet" in html and "<canvas" not in html


def test_the_finding_is_computed_and_few_are_called_too_few(alice):
    for n in range(8):
        converse(("neutral", "answer", "late.en"), at=ago(days=n % 5, minutes=5))
    html = logged_in(alice).get("/desk/insight/").content.decode()
    assert "8 conversations" in html and "Too few to say: 8 so far, 10 are needed." in html
    for _ in range(4):
        converse(("neutral", "decline", ""), at=ago(hours=3))
    html = logged_in(alice).get("/desk/insight/").content.decode()
    assert "Answered by the bot: 67\u00a0%" in html


def test_a_change_is_told_only_when_it_is_more_than_chance(alice):
    for n in range(40):
        converse(("neutral", "answer" if n < 16 else "decline", ""), at=ago(days=10))
        converse(("neutral", "answer" if n < 32 else "decline", ""), at=ago(days=1))
    html = logged_in(alice).get("/desk/insight/?days=7").content.decode()
    assert "Answered by the bot: 80\u00a0%, up 40 points" in html


def test_filters_are_in_the_address_and_unknown_values_harm_nothing(alice):
    converse(("neutral", "answer", "late.en"), at=ago(hours=2), language="zh")
    client = logged_in(alice)
    assert "Nothing matches these filters" in client.get("/desk/insight/?language=en").content.decode()
    html = client.get("/desk/insight/?language=zh&topic=delivery&days=7").content.decode()
    assert "1 conversation" in html and "volume.csv?days=7&amp;language=zh&amp;topic=delivery" in html
    assert client.get("/desk/insight/?days=x&version=%00&topic=" + "y" * 500).status_code == 200


def test_the_script_gets_the_body_alone(alice):
    response = logged_in(alice).get("/desk/insight/", headers={"X-Partial": "1"})
    assert "<html" not in response.content.decode()


def test_csv_has_the_chart_in_plain_numbers(alice):
    for _ in range(3):
        converse(("neutral", "answer", "late.en"), at=ago(minutes=10))
    rows = rows_of(logged_in(alice).get("/desk/insight/volume.csv?days=7"))
    assert rows[0] == ["day", "conversations", "messages_customer", "messages_bot", "messages_agent"]
    assert len(rows) == 8
    assert sum(int(row[1]) for row in rows[1:]) == sum(int(row[2]) for row in rows[1:]) == 3


def test_csv_never_gives_a_spreadsheet_a_formula(alice):
    conversation = converse(("neutral", "decline", ""), at=ago(minutes=10))
    conversation.messages.filter(seq=1).update(text='=HYPERLINK("http://x","y")')
    rows = rows_of(logged_in(alice).get("/desk/insight/unanswered.csv"))
    assert rows[1] == ['\'=HYPERLINK("http://x","y")', "1", "1", "0"]


def test_the_number_of_queries_does_not_grow(alice):
    client, nums = logged_in(alice), []
    for num in (2, 12):
        for n in range(num):
            converse(("neutral", "decline", ""), ("negative", "answer", "late.en"), at=ago(days=n % 6, minutes=9))
        with CaptureQueriesContext(connection) as queries:
            client.get("/desk/insight/?days=7")
        nums.append(len(queries))
    assert nums[1] <= nums[0] <= 24


def test_nothing_is_inline(alice):
    converse(("neutral", "answer", "late.en"), at=ago(minutes=10))
    response = logged_in(alice).get("/desk/insight/")
    html = response.content.decode()
    assert " style=" not in html and "<style" not in html and "onclick" not in html
    assert "script-src 'self'" in response["Content-Security-Policy"]
