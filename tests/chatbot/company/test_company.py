"""Office hours, forms, waits and mail of the company, through its services."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from chatbot.company import emails, services
from chatbot.company.models import FormEntry, TranscriptRequest
from chatbot.company.waiting import expected_wait_s, recent_waits_s, wait_of
from chatbot.conversations import handling
from chatbot.conversations import services as conversations
from chatbot.conversations.models import Conversation, Customer, Message

pytestmark = pytest.mark.django_db(transaction=True)
SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}


@pytest.fixture(autouse=True)
def quiet(enqueued, published):
    pass


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=SHANGHAI)  # 2 March 2026 is a Monday


@pytest.mark.parametrize(
    ("now", "is_open", "opens_at"),
    [
        (at(2, 10), True, None),
        (at(2, 12), False, at(2, 13)),
        (at(2, 19), False, at(4, 9)),  # the third is a holiday
        (at(6, 18), False, at(9, 9)),  # over the weekend
    ],
)
def test_office_hours_know_lunch_weekends_holidays_and_the_time_zone(now, is_open, opens_at):
    company = services.update_settings(
        has_office_hours=True, week=WEEK, holidays=["2026-03-03"], time_zone="Asia/Shanghai"
    )
    state = services.current_office_state(company, now=now.astimezone(ZoneInfo("UTC")))
    assert (state.is_open, state.opens_at) == (is_open, opens_at)


def test_without_settings_the_company_is_open_and_asks_for_nothing(conversation):
    company = services.get_settings()
    assert services.current_office_state(company).is_open
    assert services.may_chat(company, conversation.customer)
    assert not services.needs_form(company, conversation.customer)


@pytest.mark.parametrize(
    "change",
    [
        {"week": {"mon": [["18:00", "09:00"]]}},
        {"week": {"mon": [["09:00", "12:00"], ["11:00", "13:00"]]}},
        {"week": {"someday": []}},
        {"holidays": ["soon"]},
        {"time_zone": "Mars/Olympus"},
        {"attachment_max_mb": 900},
    ],
)
def test_settings_that_can_not_hold_change_nothing(change):
    with pytest.raises(ValidationError):
        services.update_settings(has_voice=False, **change)
    assert services.get_settings().has_voice


def test_a_required_form_and_consent_come_before_the_chat(conversation):
    company = services.update_settings(form_mode="required", consent_text_en="We keep it.", is_consent_required=True)
    assert not services.may_chat(company, conversation.customer)
    with pytest.raises(services.FormRefusedError) as refused:
        services.submit_form(conversation=conversation, name="Mia", email="not an address")
    assert refused.value.problems == {"email": "invalid", "consent": "required"}
    with pytest.raises(services.FormRefusedError):
        services.submit_form(conversation=conversation, is_skipped=True, has_consented=True)
    assert not FormEntry.objects.exists()
    services.submit_form(conversation=conversation, name="Mia", email="mia@example.com", has_consented=True)
    customer = Customer.objects.get(pk=conversation.customer_id)
    assert services.may_chat(company, customer) and not services.needs_form(company, customer)
    assert (customer.name, FormEntry.objects.get().consent_text) == ("Mia", "We keep it.")


def test_a_message_left_waits_for_a_person_once_and_the_bot_does_not_answer(conversation, enqueued):
    for _ in range(2):
        services.leave_message(conversation=conversation, text="Call me", client_id="a", email="mia@example.com")
    assert list(conversation.messages.values_list("author", "kind")) == [("customer", ""), ("system", "left_message")]
    row = Conversation.objects.get(pk=conversation.pk)
    assert row.needs_human and row.waiting_since and not row.replies.exists()


def test_ending_closes_once_and_writing_opens_again(conversation):
    conversations.receive_message(conversation=conversation, text="hello", client_id="a")
    for _ in range(2):
        handling.close_for_customer(conversation=conversation)
    row = Conversation.objects.get(pk=conversation.pk)
    assert (row.status, row.replies.get().status) == ("closed", "cancelled")
    assert conversation.messages.filter(kind="closed").count() == 1
    conversations.receive_message(conversation=conversation, text="one more", client_id="b")
    assert Conversation.objects.get(pk=conversation.pk).status == "open"


def waited(seconds: int) -> None:
    conversation = Conversation.objects.create(customer=Customer.objects.create())
    asked = timezone.now() - timedelta(hours=1)
    texts = [("system", "handoff_requested", asked), ("agent", "", asked + timedelta(seconds=seconds))]
    for seq, (author, kind, created_at) in enumerate(texts, 1):
        Message.objects.create(conversation=conversation, seq=seq, author=author, kind=kind, created_at=created_at)


def test_the_place_in_the_queue_and_the_wait_come_from_what_happened(django_assert_max_num_queries):
    first, second = (Conversation.objects.create(customer=Customer.objects.create()) for _ in range(2))
    assert wait_of(first) is None
    for one in (first, second):
        conversations.request_person(conversation=one)
    for seconds in (60, 120):
        waited(seconds)
    assert expected_wait_s() is None  # two say nothing
    waited(600)
    with django_assert_max_num_queries(4):
        wait = wait_of(second)
    assert (wait.place, wait.expected_s) == (2, 120)
    assert wait_of(first).place == 1


def test_a_wait_is_counted_once_per_request_and_ends_with_the_next_thing_that_an_agent_did():
    conversation = Conversation.objects.create(customer=Customer.objects.create())
    asked = timezone.now() - timedelta(hours=1)
    said = [  # second, author, kind
        (0, "agent", ""),  # before anybody asked
        (10, "system", "handoff_requested"),
        (40, "system", "taken_over"),
        (50, "agent", ""),
        (100, "system", "handoff_requested"),
        (180, "agent", ""),
        (300, "system", "handoff_requested"),  # still waiting
    ]
    for seq, (second, author, kind) in enumerate(said, 1):
        at = asked + timedelta(seconds=second)
        Message.objects.create(conversation=conversation, seq=seq, author=author, kind=kind, created_at=at)
    assert recent_waits_s() == [80, 30]


@pytest.fixture
def mail_server(settings):
    settings.HAS_MAIL_SERVER = True


def test_a_transcript_goes_only_to_an_address_that_confirmed(conversation, mail_server, enqueued):
    conversations.receive_message(conversation=conversation, text="<b>my words</b>", client_id="a")
    request = emails.request_transcript(conversation=conversation, email="mia@example.com", language="zh")
    assert ("company.send_code", request.pk) in enqueued
    emails.send_code(request.pk)
    emails.send_transcript(request.pk)  # not confirmed: nothing
    assert len(mail.outbox) == 1 and "my words" not in mail.outbox[0].body
    code = mail.outbox[0].subject[-6:]
    request.refresh_from_db()
    with pytest.raises(emails.TranscriptRefusedError, match="wrong_code"):
        emails.confirm_transcript(request=request, code="000000" if code != "000000" else "111111")
    emails.confirm_transcript(request=request, code=code)
    emails.send_transcript(request.pk)
    emails.send_transcript(request.pk)
    assert len(mail.outbox) == 2 and "<b>my words</b>" in mail.outbox[1].body
    assert "&lt;b&gt;my words" in mail.outbox[1].attachments[0][1]
    assert TranscriptRequest.objects.get().status == "sent"


def test_codes_are_limited_by_customer_address_and_tries(conversation, mail_server):
    request = emails.request_transcript(conversation=conversation, email="mia@example.com", language="en")
    emails.send_code(request.pk)
    for _ in range(emails.MAX_TRIES):
        with pytest.raises(emails.TranscriptRefusedError, match="wrong_code"):
            emails.confirm_transcript(request=request, code="no")
    with pytest.raises(emails.TranscriptRefusedError, match="expired"):
        emails.confirm_transcript(request=request, code=mail.outbox[0].subject[-6:])
    for _ in range(emails.MAX_PER_ADDRESS - 1):
        emails.request_transcript(conversation=conversation, email="MIA@example.com", language="en")
    with pytest.raises(emails.TranscriptRefusedError, match="too_many"):
        emails.request_transcript(conversation=conversation, email="mia@example.com", language="en")


def test_without_a_mail_server_no_mail_is_offered(conversation):
    with pytest.raises(emails.TranscriptRefusedError, match="off"):
        emails.request_transcript(conversation=conversation, email="mia@example.com", language="en")
