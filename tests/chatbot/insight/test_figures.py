"""Every figure against small data that were counted by hand."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chatbot.conversations.models import Message, Reply
from chatbot.insight import figures
from chatbot.insight.counting import Counts, fingerprint
from chatbot.insight.days import Period
from chatbot.insight.reading import Filters, merge, read
from chatbot.insight.statistics import Share, is_change, quantile, two_digits
from tests.chatbot.insight.conftest import MONDAY_NOON, converse

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("answers")]

UTC_ZONE = ZoneInfo("UTC")
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31), UTC_ZONE)
LATER = datetime(2026, 4, 1, tzinfo=UTC)


def counted(period: Period = MARCH, **filters: str) -> Counts:
    return merge(read(period, Filters(**filters), now=LATER))


def test_a_conversation_ends_where_its_last_reply_left_it_and_a_person_counts_first():
    converse(("neutral", "decline", ""), ("neutral", "answer", "returns.en"))
    converse(("neutral", "answer", "returns.en"), ("neutral", "decline", ""))
    converse(("neutral", "clarify", ""), ("positive", "smalltalk", ""))
    converse(("neutral", "answer", "late.en"), ("negative", "handoff", ""), ("negative", "answer", "late.en"))
    converse(("neutral", "handoff", ""), ("neutral", "agent", ""))
    converse(("neutral", "smalltalk", ""))
    converse(("neutral", "", ""))
    assert counted()["outcomes"] == {
        "answer": 1, "decline": 1, "clarify": 1, "handoff": 1, "taken_over": 1, "smalltalk": 1, "waiting": 1,
    }  # fmt: skip
    assert figures.num_conversations(counted()) == 7
    share = figures.share_of_outcome(counted(), "answer")
    assert (share.num, share.total) == (1, 5)  # nothing was asked in smalltalk, nothing answered yet while waiting


def test_messages_are_counted_by_author_and_hour():
    converse(("neutral", "answer", "returns.en"), ("neutral", "agent", ""), at=MONDAY_NOON - timedelta(minutes=1))
    assert counted()["messages"] == {"customer": 2, "bot": 1, "agent": 1}
    assert counted()["hours"] == {"11": 1, "12": 1}
    hours = figures.hours(MARCH, read(MARCH, Filters(), now=LATER))
    assert [(h.weekday, h.hour, h.num, h.mean) for h in hours if h.num] == [(0, 11, 1, 0.2), (0, 12, 1, 0.2)]


def test_a_reaction_is_the_next_word_of_the_customer_unless_an_agent_wrote_in_between():
    converse(("neutral", "answer", "returns.en"), ("negative", "answer", "late.en"), ("positive", "", ""))
    converse(("neutral", "answer", "returns.en"), ("neutral", "agent", ""), ("negative", "", ""))
    counts = counted()
    assert counts["answers"] == {"returns.en|negative": 1, "returns.en|neutral": 1, "late.en|positive": 1}
    assert counts["topics"] == {"returns|negative": 1, "returns|neutral": 1, "delivery|positive": 1}
    assert counts["sentiments"] == {"neutral": 3, "negative": 2, "positive": 1}
    worst = figures.subjects(counts, "answers")[0]
    assert (worst.name, worst.negative.num, worst.negative.total) == ("returns.en", 1, 2)


def test_the_reaction_after_midnight_counts_on_the_day_of_the_question():
    converse(("neutral", "answer", "late.en"), ("negative", "", ""), at=datetime(2026, 3, 5, 23, 59, 30, tzinfo=UTC))
    days = figures.by_day(MARCH, read(MARCH, Filters(), now=LATER))
    assert days[date(2026, 3, 5)]["reactions"] == {"negative": 1}
    assert "reactions" not in days[date(2026, 3, 6)]
    assert days[date(2026, 3, 6)]["sentiments"] == {"negative": 1}


def test_a_day_is_a_day_of_the_time_zone_also_when_the_clocks_change():
    converse(("neutral", "answer", "late.en"), at=datetime(2026, 3, 28, 23, 30, tzinfo=UTC))
    berlin = ZoneInfo("Europe/Berlin")
    short_day = Period(date(2026, 3, 29), date(2026, 3, 29), berlin)
    assert short_day.end - short_day.start == timedelta(hours=23)
    assert figures.num_conversations(counted(short_day)) == 1
    assert counted(short_day)["hours"] == {"0": 1}
    kathmandu = ZoneInfo("Asia/Kathmandu")  # UTC+5:45
    assert counted(Period(date(2026, 3, 29), date(2026, 3, 29), kathmandu))["hours"] == {"5": 1}
    assert figures.num_conversations(counted(Period(date(2026, 3, 28), date(2026, 3, 28), berlin))) == 0


def test_waiting_is_measured_to_the_first_words_and_from_the_wish_for_a_person():
    first = converse(("neutral", "answer", "returns.en"))
    Reply.objects.filter(conversation=first).update(first_delta_at=MONDAY_NOON + timedelta(seconds=0.5))
    converse(("neutral", "answer", "returns.en"))
    converse(("neutral", "handoff", ""), ("neutral", "agent", ""))
    counts = counted()
    assert counts["first_bot"] == {"0.5": 1, "2": 2}
    assert figures.wait(counts, "first_bot") == figures.Wait(p50=2.0, p90=2.0, num=3)
    assert counts["first_person"] == {"60": 1}  # the handoff at 2 s, the agent at 62 s


def test_a_person_nobody_asked_for_is_measured_from_the_last_word_of_the_customer():
    converse(("neutral", "agent", ""))
    assert counted()["first_person"] == {"2": 1}


def test_stars_and_thumbs():
    for stars in (5, 5, 4, 1):
        converse(("neutral", "answer", "returns.en"), rating=stars)
    up, down = Reply.objects.all()[:2]
    Reply.objects.filter(pk=up.pk).update(rating="up")
    Reply.objects.filter(pk=down.pk).update(rating="down")
    counts = counted()
    assert figures.mean_stars(counts) == 3.75
    assert (figures.share_of_happy_ratings(counts).num, figures.share_of_happy_ratings(counts).total) == (3, 4)
    assert (figures.share_of_thumbs_up(counts).num, figures.share_of_thumbs_up(counts).total) == (1, 2)


def test_filters_narrow_by_language_version_and_topic():
    converse(("neutral", "answer", "returns.en"), version="m1")
    converse(("neutral", "answer", "late.en"), version="m2")
    converse(("neutral", "answer", "late.en"), version="m2", language="zh")
    assert figures.num_conversations(counted()) == 3
    assert figures.num_conversations(counted(language="zh")) == 1
    assert figures.num_conversations(counted(model_version="m2")) == 2
    assert figures.num_conversations(counted(topic="returns")) == 1
    assert figures.num_conversations(counted(topic="delivery", language="en")) == 1


def test_versions_are_compared_best_first():
    converse(("neutral", "answer", "late.en"), ("negative", "", ""), version="m1")
    converse(("neutral", "answer", "late.en"), ("positive", "", ""), version="m2")
    found = figures.versions(read(MARCH, Filters(), now=LATER))
    assert [(v.name, v.negative.num, v.negative.total) for v in found] == [("m2", 0, 1), ("m1", 1, 1)]


def test_a_driver_needs_many_cases_and_an_interval_above_the_usual():
    for n in range(60):
        converse(("neutral", "decline", ""), ("negative" if n < 45 else "neutral", "", ""))
        converse(("neutral", "answer", "returns.en"), ("negative" if n < 6 else "neutral", "", ""))
    for _ in range(5):
        converse(("neutral", "clarify", ""), ("negative", "", ""))
    found = {(d.kind, d.name): d for d in figures.drivers(counted())}
    declined = found["action", "decline"]
    assert declined.is_clear and declined.negative.num == 45 and declined.negative.total == 60
    assert declined.lift == pytest.approx((45 / 60) / (56 / 125))
    assert not found["answer", "returns.en"].is_clear
    assert ("action", "clarify") not in found  # five cases, all negative: too few to be named


def test_unanswered_questions_are_grouped_whatever_their_case_and_punctuation():
    first = converse(("neutral", "decline", ""))
    converse(("neutral", "clarify", ""))
    Message.objects.filter(conversation=first, seq=1).update(text="  where IS 0 ")
    [question] = figures.unanswered(counted())
    assert (question.num, question.num_declined, question.num_clarified) == (2, 1, 1)
    assert fingerprint("你们寄到火星吗？") == fingerprint("你们寄到火星吗")
    assert fingerprint("?!") == ""


def test_a_deleted_question_is_not_shown():
    first = converse(("neutral", "decline", ""))
    counts = counted()
    first.delete()
    assert figures.unanswered(counts) == []


def test_wilson_intervals_are_those_of_the_textbook():
    assert Share(10, 20).interval == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert Share(0, 10).interval == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert Share(0, 0).interval == (0.0, 1.0) and Share(0, 0).value is None
    assert not Share(9, 9).is_enough
    assert is_change(Share(50, 100), Share(71, 100)) and not is_change(Share(50, 100), Share(54, 100))
    assert not is_change(Share(0, 9), Share(9, 9))


def test_durations_keep_two_digits_and_quantiles_are_by_nearest_rank():
    assert [two_digits(s) for s in (0.0, 0.04, 1.234, 59.6, 754.0)] == ["0.1", "0.1", "1.2", "60", "750"]
    assert quantile({"1": 5, "2": 4, "10": 1}, 0.5) == 1.0
    assert quantile({"1": 5, "2": 4, "10": 1}, 0.9) == 2.0
    assert quantile({}, 0.5) is None
