"""What the chat asks of the company's settings and of the attachments; the only place that knows where they live."""

from collections.abc import Sequence
from typing import Any

from chatbot.attachments import services as attachments
from chatbot.attachments.services import AttachmentRefusedError as BadAttachmentError
from chatbot.company import services as company
from chatbot.conversations.models import Customer

__all__ = [
    "BadAttachmentError",
    "attachments_of",
    "may_chat",
    "may_show_typing",
    "session_max_age_s",
    "token_max_age_s",
]


def may_show_typing(customer: Customer) -> bool:
    """Whether agents see that this customer is typing. Asks the database."""
    return company.get_settings().is_customer_typing_visible and may_chat(customer)


def may_chat(customer: Customer) -> bool:
    """False while the form or the consent that the company requires is missing. Asks the database."""
    return company.may_chat(company.get_settings(), customer)


def session_max_age_s() -> int | None:
    """How long a browser is to know its customer; None: until it is closed. Asks the database."""
    return company.session_max_age_s(company.get_settings())


def token_max_age_s() -> int:
    """The same for the token itself. Asks the database."""
    return company.token_max_age_s(company.get_settings())


def attachments_of(customer: Customer, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The files that this customer has put up; raises BadAttachmentError for ids of anybody else's."""
    return attachments.attachments_of(customer, ids) if ids else []
