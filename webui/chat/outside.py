"""What the chat asks of the company's settings and of the attachments; the only place that knows where they live."""

from collections.abc import Sequence
from typing import Any

from chatbot.attachments import services as attachments
from chatbot.attachments.services import AttachmentRefusedError as BadAttachmentError
from chatbot.company.services import get_settings
from chatbot.conversations.models import Customer

__all__ = ["BadAttachmentError", "attachments_of", "may_show_typing"]


def may_show_typing() -> bool:
    """Whether agents see that a customer is typing. Asks the database."""
    return get_settings().is_customer_typing_visible


def attachments_of(customer: Customer, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The files that this customer has put up; raises BadAttachmentError for ids of anybody else's."""
    return attachments.attachments_of(customer, ids) if ids else []
