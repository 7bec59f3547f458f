"""The roll-up gives what counting from the rows gives, whatever came late, and costs as many queries for any period."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chatbot.conversations.models import Conversation, Message, Reply
from chatbot.insight.days import Period
from chatbot.insight.models import DaySlice, RolledDay
from chatbot.insight.reading import Filters, merge, read
from chatbot.insight.roll_up import roll_up
from tests.chatbot.insight.conftest import MONDAY_NOON, converse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("answers")]

ZONE = ZoneInfo("UTC")
NOW = MONDAY_NOON + timedelta(days=10)
PERIOD = Period(date(2026, 2, 11), NOW.date(), ZONE)


def read_now(**filters: str):
    return merge(read(PERIOD, Filters(**filters), now=NOW))


def test_kept_days_and_counted_ones_give_the_same():
    for n in range(9):
        mood = "negative" if n % 2 else "positive"
        converse(("neutral", "answer", "late.en"), (mood, "decline", ""), at=MONDAY_NOON + timedelta(days=n))
    counted, narrowed = read_now(), read_now(topic="delivery")
    roll_up(zone=ZONE, now=NOW)
    assert RolledDay.objects.count() == 10  # from the first message to yesterday, empty days too
    assert read_now() == counted and read_now(topic="delivery") == narrowed
    assert counted["conversations"] == {"all": 9}


def test_running_it_again_changes_nothing():
    converse(("neutral", "answer", "late.en"))
    roll_up(zone=ZONE, now=NOW)
    before = list(DaySlice.objects.order_by("topic").values_list("topic", "counts"))
    roll_up(zone=ZONE, now=NOW)
    assert list(DaySlice.objects.order_by("topic").values_list("topic", "counts")) == before


def test_today_is_always_counted_from_the_rows():
    converse(("neutral", "answer", "late.en"), at=NOW - timedelta(minutes=5))
    roll_up(zone=ZONE, now=NOW)
    assert not RolledDay.objects.filter(day=NOW.date()).exists()
    converse(("neutral", "answer", "late.en"), at=NOW - timedelta(minutes=2))
    assert read_now()["conversations"] == {"all": 2}


def test_a_message_that_comes_late_corrects_its_day_and_the_day_it_reacts_to():
    first = converse(("neutral", "answer", "late.en"))
    roll_up(zone=ZONE, now=NOW)
    late_at = MONDAY_NOON + timedelta(days=3)
    Message.objects.create(conversation=first, seq=3, author="customer", created_at=late_at, sentiment="negative")
    roll_up(zone=ZONE, now=NOW)
    assert read_now()["reactions"] == {"negative": 1}
    assert read_now()["sentiments"] == {"neutral": 1, "negative": 1}


def test_a_rating_days_later_corrects_the_day_of_the_conversation():
    first = converse(("neutral", "answer", "late.en"))
    for n in range(1, 9):
        converse(("neutral", "answer", "late.en"), at=MONDAY_NOON + timedelta(days=n))
    roll_up(zone=ZONE, now=NOW)
    Conversation.objects.filter(pk=first.pk).update(rating=2, rated_at=NOW)
    Reply.objects.filter(conversation=first).update(rating="down", rated_at=NOW)
    roll_up(zone=ZONE, now=NOW)
    assert read_now()["stars"] == {"2": 1} and read_now()["thumbs"] == {"down": 1}


def test_a_deletion_is_right_again_after_the_oldest_days_came_round():
    conversations = [converse(("neutral", "answer", "late.en"), at=MONDAY_NOON + timedelta(days=n)) for n in range(9)]
    roll_up(zone=ZONE, now=NOW)
    conversations[0].delete()
    for n in range(1, 4):
        roll_up(zone=ZONE, now=NOW + timedelta(minutes=5 * n))
    assert read_now()["conversations"] == {"all": 8}


def test_another_time_zone_is_counted_on_its_own():
    converse(("neutral", "answer", "late.en"), at=datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
    roll_up(zone=ZONE, now=NOW)
    berlin = ZoneInfo("Europe/Berlin")
    period = Period(date(2026, 3, 3), date(2026, 3, 3), berlin)
    assert merge(read(period, Filters(), now=NOW))["conversations"] == {"all": 1}


def test_reading_takes_as_many_queries_for_a_long_period_as_for_a_short_one():
    for n in range(9):
        converse(("neutral", "answer", "late.en"), at=MONDAY_NOON + timedelta(days=n))
    nums = []
    for days in (2, 9):
        with CaptureQueriesContext(connection) as queries:
            read(Period(NOW.date() - timedelta(days=days), NOW.date(), ZONE), Filters(), now=NOW)
        nums.append(len(queries))
    assert nums[0] == nums[1] <= 10
