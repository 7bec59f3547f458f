"""The company's settings, read and changed; what customers fill in; when people are there. Knows no HTTP."""

from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from chatbot import queue
from chatbot.company.hours import OfficeState, office_state
from chatbot.company.models import ORDER_NUMBER_MAX_CHARS, CompanySettings, FormEntry
from chatbot.conversations.models import Conversation, Customer, Message
from chatbot.conversations.services import MessageRefusedError
from chatbot.conversations.writes import lock_conversation, publish_state_on_commit, save_message

NAME_MAX_CHARS = 80
MESSAGE_MAX_CHARS = 2000
DAY_S = 24 * 3600


class FormRefusedError(ValueError):
    """Something in a form isn't right. `problems`: a stable code by field (`required`, `invalid`, `too_long`)."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__(", ".join(f"{field} {code}" for field, code in problems.items()))
        self.problems = problems


def get_settings() -> CompanySettings:
    """What holds now; the defaults as long as nobody has changed them."""
    return CompanySettings.objects.filter(pk=CompanySettings.ONLY_PK).first() or CompanySettings(
        pk=CompanySettings.ONLY_PK
    )


@transaction.atomic
def update_settings(**changes: Any) -> CompanySettings:
    """Changes some settings at once, or none: raises ValidationError for a value that isn't right."""
    CompanySettings.objects.get_or_create(pk=CompanySettings.ONLY_PK)
    company = CompanySettings.objects.select_for_update().get(pk=CompanySettings.ONLY_PK)
    for name, value in changes.items():
        setattr(company, name, value)
    company.full_clean()
    company.save()
    return company


def current_office_state(company: CompanySettings, *, now: datetime | None = None) -> OfficeState:
    """Always open for a company that has set no hours."""
    if not company.has_office_hours:
        return OfficeState(is_open=True)
    return office_state(
        week=company.week, holidays=company.holidays, time_zone=company.time_zone, now=now or timezone.now()
    )


def session_max_age_s(company: CompanySettings) -> int | None:
    """How long a browser is to know its customer; None: until it is closed."""
    return company.remember_days * DAY_S if company.remembers_customers else None


def token_max_age_s(company: CompanySettings) -> int:
    """How long a session's token holds here, whatever a browser does with it. Each page view renews it."""
    return session_max_age_s(company) or DAY_S


def needs_form(company: CompanySettings, customer: Customer) -> bool:
    """Whether the form (with the consent) is still to be shown to this customer."""
    if not may_chat(company, customer):
        return True
    if company.form_mode == CompanySettings.FormMode.OFF:
        return False
    return not FormEntry.objects.filter(conversation__customer=customer).exists()


def needs_consent(company: CompanySettings, customer: Customer) -> bool:
    return company.is_consent_required and bool(company.consent_text("en")) and customer.consented_at is None


def may_chat(company: CompanySettings, customer: Customer) -> bool:
    """False while something required (form or consent) is missing. `customer` may be an old copy of the row."""
    if needs_consent(company, customer):
        customer.refresh_from_db(fields=["consented_at"])
    if needs_consent(company, customer):
        return False
    if company.form_mode != CompanySettings.FormMode.REQUIRED:
        return True
    return FormEntry.objects.filter(conversation__customer=customer, is_skipped=False).exists()


@transaction.atomic
def submit_form(
    *,
    conversation: Conversation,
    name: str = "",
    email: str = "",
    order_number: str = "",
    has_consented: bool = False,
    is_skipped: bool = False,
    language: str = "en",
) -> FormEntry:
    """Keeps what the customer filled in before the chat. Raises FormRefusedError, and then keeps nothing."""
    company, customer = get_settings(), Customer.objects.select_for_update().get(pk=conversation.customer_id)
    values = {"name": name.strip(), "email": email.strip(), "order_number": order_number.strip()}
    problems = _problems_of(values, _required_fields(company) if not is_skipped else set())
    if is_skipped and company.form_mode == CompanySettings.FormMode.REQUIRED:
        problems |= dict.fromkeys(_required_fields(company), "required")
    if needs_consent(company, customer) and not has_consented:
        problems["consent"] = "required"
    if problems:
        raise FormRefusedError(problems)
    _remember_contact(customer, values["name"], values["email"])
    if has_consented:
        Customer.objects.filter(pk=customer.pk).update(consented_at=timezone.now())
    text = company.consent_text(language) if has_consented else ""
    return FormEntry.objects.create(conversation=conversation, consent_text=text, is_skipped=is_skipped, **values)


def _required_fields(company: CompanySettings) -> set[str]:
    if company.form_mode != CompanySettings.FormMode.REQUIRED:
        return set()
    asked = {
        "name": company.form_asks_name,
        "email": company.form_asks_email,
        "order_number": company.form_asks_order_number,
    }
    return {field for field, is_asked in asked.items() if is_asked}


def _problems_of(values: dict[str, str], required: set[str]) -> dict[str, str]:
    limits = {"name": NAME_MAX_CHARS, "email": 254, "order_number": ORDER_NUMBER_MAX_CHARS}
    problems = {field: "required" for field in required if not values.get(field)}
    problems |= {field: "too_long" for field, value in values.items() if len(value) > limits[field]}
    if values.get("email") and not is_email(values["email"]):
        problems["email"] = "invalid"
    return problems


def is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _remember_contact(customer: Customer, name: str, email: str) -> None:
    """What the host's server has signed is not replaced by what somebody types."""
    if customer.is_identified:
        return
    changes = {field: value for field, value in (("name", name), ("email", email)) if value}
    if changes:
        Customer.objects.filter(pk=customer.pk).update(**changes)


@transaction.atomic
def leave_message(*, conversation: Conversation, text: str, client_id: str, name: str = "", email: str) -> Message:
    """Outside office hours: the message waits for a person, who answers by e-mail or here; the bot doesn't answer it.

    Once per `client_id`. Raises FormRefusedError (`email` is needed to answer) or MessageRefusedError.
    """
    text = text.strip()
    problems = _problems_of({"name": name.strip(), "email": email.strip()}, {"email"})
    if problems:
        raise FormRefusedError(problems)
    if not text:
        raise MessageRefusedError("empty")
    if len(text) > MESSAGE_MAX_CHARS:
        raise MessageRefusedError("too_long")
    locked = lock_conversation(conversation.pk)
    earlier = Message.objects.filter(conversation=conversation, client_id=client_id).first() if client_id else None
    if earlier:
        return earlier
    _remember_contact(Customer.objects.get(pk=locked.customer_id), name.strip(), email.strip())
    message = save_message(conversation.pk, Message.Author.CUSTOMER, text, client_id=client_id)
    save_message(conversation.pk, Message.Author.SYSTEM, "", kind=Message.Kind.LEFT_MESSAGE)
    Conversation.objects.filter(pk=conversation.pk).update(
        status=Conversation.Status.OPEN,
        closed_at=None,
        snoozed_until=None,
        needs_human=True,
        waiting_since=locked.waiting_since or message.created_at,
    )
    publish_state_on_commit(conversation.pk)
    transaction.on_commit(partial(queue.enqueue, queue.ANALYSE_MESSAGE, message.pk))
    return message
