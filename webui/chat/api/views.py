"""The chat's small requests: what holds now, thumbs, rating, form, a message left, the end. Decides nothing itself."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language

from chatbot.attachments.services import MAX_PER_MESSAGE
from chatbot.company import emails, services
from chatbot.company.models import CompanySettings
from chatbot.company.services import FormRefusedError
from chatbot.company.waiting import expected_wait_s, wait_of
from chatbot.conversations import handling
from chatbot.conversations import services as conversations
from chatbot.conversations.models import Conversation, Customer, Reply
from webui.chat.api.door import ApiError, customer_api, done, need_form, own_conversation, read_json, text_of


def language_of(request: HttpRequest) -> str:
    """`en` or `zh`."""
    asked = request.GET.get("language") or get_language() or "en"
    return "zh" if asked.startswith("zh") else "en"


@customer_api("GET")
def state(request: HttpRequest, customer: Customer, conversation_id: UUID) -> HttpResponse:
    """Everything around the conversation: office, queue, form, what is offered."""
    conversation = own_conversation(customer, conversation_id)
    company = services.get_settings()
    office = services.current_office_state(company)
    wait = wait_of(conversation)
    return done(
        office={
            "is_open": office.is_open,
            "opens_at": office.opens_at.isoformat() if office.opens_at else None,
            "closes_at": office.closes_at.isoformat() if office.closes_at else None,
            "has_hours": company.has_office_hours,
            "can_leave_message": company.can_leave_message and not office.is_open,
        },
        wait={"place": wait.place, "waited_s": wait.waited_s, "expected_s": wait.expected_s} if wait else None,
        expected_wait_s=wait.expected_s if wait else expected_wait_s(),
        form=_form(company, customer, language_of(request)),
        contact={"name": customer.name, "email": customer.email},
        rating=conversation.rating,
        offers={
            "attachments": company.has_attachments,
            "attachment_max_mb": company.attachment_max_mb,
            "attachments_per_message": MAX_PER_MESSAGE,
            "voice": company.has_voice,
            "email": emails.is_offered(),
        },
    )


def _form(company: CompanySettings, customer: Customer, language: str) -> dict[str, Any] | None:
    if not services.needs_form(company, customer):
        return None
    is_on = company.form_mode != CompanySettings.FormMode.OFF
    asked = {
        "name": company.form_asks_name,
        "email": company.form_asks_email,
        "order_number": company.form_asks_order_number,
    }
    return {
        "fields": [name for name, is_asked in asked.items() if is_asked] if is_on else [],
        "is_required": company.form_mode == CompanySettings.FormMode.REQUIRED,
        "consent_text": company.consent_text(language),
        "is_consent_required": services.needs_consent(company, customer),
    }


@customer_api("POST")
def rate_reply(request: HttpRequest, customer: Customer, reply_id: int) -> HttpResponse:
    content = read_json(request)
    own = Conversation.objects.visible_to(customer)
    reply = Reply.objects.filter(pk=reply_id, conversation__in=own, status=Reply.Status.DONE).first()
    if reply is None:
        raise Http404
    rating = text_of(content, "rating", 4)
    if rating not in ("", *Reply.Rating.values):
        raise ApiError("bad_request", problems={"rating": "invalid"})
    conversations.rate_reply(reply=reply, rating=rating, reason=text_of(content, "reason", 300))
    return done()


@customer_api("POST")
def rate_conversation(request: HttpRequest, customer: Customer, conversation_id: UUID) -> HttpResponse:
    conversation, content = own_conversation(customer, conversation_id), read_json(request)
    rating = content.get("rating")
    if type(rating) is not int or not 1 <= rating <= 5:
        raise ApiError("bad_request", problems={"rating": "invalid"})
    comment = text_of(content, "comment", settings.MESSAGE_MAX_CHARS)
    conversations.rate_conversation(conversation=conversation, rating=rating, comment=comment)
    return done()


@customer_api("POST")
def end(request: HttpRequest, customer: Customer, conversation_id: UUID) -> HttpResponse:
    handling.close_for_customer(conversation=own_conversation(customer, conversation_id))
    return done()


@customer_api("POST")
def submit_form(request: HttpRequest, customer: Customer, conversation_id: UUID) -> HttpResponse:
    conversation, content = own_conversation(customer, conversation_id), read_json(request)
    fields = {name: text_of(content, name, 254) for name in ("name", "email", "order_number")}
    try:
        services.submit_form(
            conversation=conversation,
            has_consented=content.get("has_consented") is True,
            is_skipped=content.get("is_skipped") is True,
            language=language_of(request),
            **fields,
        )
    except FormRefusedError as error:
        raise ApiError("form", 422, error.problems) from None
    return done()


@customer_api("POST")
def leave_message(request: HttpRequest, customer: Customer, conversation_id: UUID) -> HttpResponse:
    conversation, content = own_conversation(customer, conversation_id), read_json(request)
    need_form(customer)
    try:
        services.leave_message(
            conversation=conversation,
            text=text_of(content, "text", 10_000),
            client_id=text_of(content, "client_id", 64),
            name=text_of(content, "name", 254),
            email=text_of(content, "email", 254),
        )
    except FormRefusedError as error:
        raise ApiError("form", 422, error.problems) from None
    except conversations.MessageRefusedError as error:
        raise ApiError("form", 422, {"text": "required" if error.code == "empty" else error.code}) from None
    return done()
