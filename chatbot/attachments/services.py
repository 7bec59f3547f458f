"""Files from customers: taken, given to a message, deleted. Checks: `checks.py`; bytes: `storage.py`."""

import logging
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from chatbot.attachments import storage
from chatbot.attachments.checks import FileRefusedError, check_file
from chatbot.attachments.models import Attachment
from chatbot.attachments.names import clean_name
from chatbot.company.services import get_settings
from chatbot.conversations.models import Customer, Message

log = logging.getLogger(__name__)

MAX_PER_MESSAGE = 5
MAX_UNSENT = 20  # of one customer; each is deleted after UNSENT_HOURS
MAX_PER_HOUR = 60
UNSENT_HOURS = 24


class AttachmentRefusedError(ValueError):
    """A message names files that aren't its sender's, or too many. `code`: `bad_attachment`."""

    code = "bad_attachment"


def save_attachment(*, customer: Customer, name: str, content: bytes) -> Attachment:
    """Checks a file and keeps its safe copy, not yet sent. Raises FileRefusedError, and then keeps nothing.

    Codes beside those of the checks: `off` (the company takes no files), `too_many` (in this hour, or unsent).
    """
    company = get_settings()
    if not company.has_attachments:
        raise FileRefusedError("off")
    _check_number(customer)
    checked = check_file(content, max_bytes=company.attachment_max_mb * 1024 * 1024)
    file = storage.write_file(checked.content, checked.thumbnail)
    return Attachment.objects.create(
        customer=customer,
        name=clean_name(name, checked.content_type),
        content_type=checked.content_type,
        size=len(checked.content),
        width=checked.width,
        height=checked.height,
        file=file,
        has_thumbnail=checked.thumbnail is not None,
    )


def _check_number(customer: Customer) -> None:
    mine = Attachment.objects.filter(customer=customer)
    in_hour = mine.filter(created_at__gt=timezone.now() - timedelta(hours=1)).count()
    if in_hour >= MAX_PER_HOUR or mine.filter(sent_at=None).count() >= MAX_UNSENT:
        raise FileRefusedError("too_many")


@transaction.atomic
def attachments_of(customer: Customer, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The customer's files for a message, in this order, and marked as sent. Safe to call again with the same ids.

    Raises AttachmentRefusedError when one of them is unknown or somebody else's, or when they are too many.
    """
    wanted = list(dict.fromkeys(_as_uuid(one) for one in ids))
    if len(wanted) > MAX_PER_MESSAGE:
        raise AttachmentRefusedError
    found = Attachment.objects.visible_to(customer).in_bulk(wanted)
    if len(found) != len(wanted):
        raise AttachmentRefusedError
    Attachment.objects.filter(pk__in=wanted, sent_at=None).update(sent_at=timezone.now())
    return [found[one].payload() for one in wanted]


def _as_uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except (ValueError, AttributeError, TypeError):
        raise AttachmentRefusedError from None


@transaction.atomic
def discard_attachment(*, customer: Customer, attachment_id: uuid.UUID) -> bool:
    """Takes back a file that was not sent yet. False: there is none such."""
    attachment = Attachment.objects.filter(customer=customer, pk=attachment_id, sent_at=None).first()
    if attachment is None:
        return False
    _delete([attachment])
    return True


@transaction.atomic
def delete_attachments_of(*, customer: Customer) -> None:
    """Every file of the customer, rows and bytes, once the transaction is through."""
    _delete(list(Attachment.objects.filter(customer=customer)))


def _delete(attachments: Iterable[Attachment]) -> None:
    """Rows first: a crash in between leaves bytes without a row, which the clean-up deletes."""
    for attachment in attachments:
        attachment.delete()
        transaction.on_commit(partial(storage.remove_file, attachment.file))


def remove_orphans() -> int:
    """Deletes files that were uploaded but not sent in time, and bytes that no row knows. Safe to run at any time."""
    before = timezone.now() - timedelta(hours=UNSENT_HOURS)
    with transaction.atomic():
        orphans = list(Attachment.objects.filter(created_at__lt=before, sent_at=None))
        orphans += _never_arrived(before)
        _delete(orphans)
    known = set(Attachment.objects.values_list("file", flat=True))
    an_hour_ago = time.time() - 3600
    strays = [name for name, written_at in storage.stored_names() if name not in known and written_at < an_hour_ago]
    for name in strays:
        storage.remove_file(name)
    if orphans or strays:
        log.info("attachments: %s unsent files and %s strays deleted", len(orphans), len(strays))
    return len(orphans) + len(strays)


def _never_arrived(before: Any) -> list[Attachment]:
    """Marked as sent with a message that was then refused. Looked at once, a day later."""
    window = Attachment.objects.filter(created_at__lt=before, created_at__gt=before - timedelta(days=2))
    marked = list(window.filter(sent_at__lt=before))
    messages = Message.objects.filter(conversation__customer__in={one.customer_id for one in marked})
    lists = messages.exclude(attachments=[]).values_list("attachments", flat=True)
    arrived = {part.get("id") for attachments in lists for part in attachments}
    return [one for one in marked if str(one.pk) not in arrived]
