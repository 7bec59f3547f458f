"""Transcripts by e-mail: asked for, confirmed by a code that went to the address, sent. Limited.

Without the code anybody could have our server write to anybody. The sending itself is a task: it waits for the mail
server. Knows no HTTP.
"""

import logging
import secrets
from datetime import timedelta
from functools import partial
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from chatbot import queue
from chatbot.company.models import TranscriptRequest
from chatbot.company.services import get_settings, is_email
from chatbot.company.transcripts import django_language, transcript_html, transcript_text
from chatbot.conversations.models import Conversation, Customer

log = logging.getLogger(__name__)

MAX_PER_CUSTOMER = 5  # codes in an hour
MAX_PER_ADDRESS = 3
MAX_TRIES = 5
CODE_LIFETIME = timedelta(minutes=30)


class TranscriptRefusedError(ValueError):
    """`code`: `off`, `invalid` (no address), `too_many`, `wrong_code`, `expired`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@transaction.atomic
def request_transcript(*, conversation: Conversation, email: str, language: str) -> TranscriptRequest:
    """Has a code sent to the address. Raises TranscriptRefusedError."""
    email = email.strip()
    if not is_offered():
        raise TranscriptRefusedError("off")
    if not is_email(email):
        raise TranscriptRefusedError("invalid")
    Customer.objects.select_for_update().get(pk=conversation.customer_id)  # two requests at once count each other
    _check_rate(conversation.customer_id, email)
    request = TranscriptRequest.objects.create(
        customer_id=conversation.customer_id, conversation=conversation, email=email, language=language
    )
    transaction.on_commit(partial(queue.enqueue, queue.SEND_CODE, request.pk))
    return request


def is_offered() -> bool:
    return settings.HAS_MAIL_SERVER and get_settings().can_email_transcript


def _check_rate(customer_id: UUID, email: str) -> None:
    recent = TranscriptRequest.objects.filter(created_at__gt=timezone.now() - timedelta(hours=1))
    by_customer = recent.filter(customer=customer_id).count()
    if by_customer >= MAX_PER_CUSTOMER or recent.filter(email__iexact=email).count() >= MAX_PER_ADDRESS:
        raise TranscriptRefusedError("too_many")


def confirm_transcript(*, request: TranscriptRequest, code: str) -> None:
    """The code was typed in: the transcript is sent. Safe to repeat. Raises TranscriptRefusedError."""
    if request.status != TranscriptRequest.Status.ASKED:
        return
    if request.created_at < timezone.now() - CODE_LIFETIME:
        raise TranscriptRefusedError("expired")
    # Counted before it is looked at, and committed: guesses at the same time count as well.
    counted = TranscriptRequest.objects.filter(pk=request.pk, num_tries__lt=MAX_TRIES)
    if not counted.update(num_tries=F("num_tries") + 1):
        raise TranscriptRefusedError("expired")
    request.refresh_from_db()
    if not request.code_hash or not check_password(code.strip(), request.code_hash):
        raise TranscriptRefusedError("wrong_code")
    with transaction.atomic():
        mine = TranscriptRequest.objects.filter(pk=request.pk, status=TranscriptRequest.Status.ASKED)
        if mine.update(status=TranscriptRequest.Status.CONFIRMED, code_hash=""):
            transaction.on_commit(partial(queue.enqueue, queue.SEND_TRANSCRIPT, request.pk))


def send_code(request_id: int) -> None:
    """A task: makes the code, keeps its hash only, and mails it. Nothing happens for a request that is gone."""
    request = TranscriptRequest.objects.filter(pk=request_id, status=TranscriptRequest.Status.ASKED).first()
    if request is None:
        return
    code = f"{secrets.randbelow(1_000_000):06d}"
    TranscriptRequest.objects.filter(pk=request.pk).update(code_hash=make_password(code))
    with translation.override(django_language(request.language)):
        subject = _("Your code: %(code)s") % {"code": code}
        body = _(
            "Somebody asked in our chat for a transcript to be sent to this address.\n\n"
            "If it was you, type this code into the chat: %(code)s\n\n"
            "It holds for 30 minutes. If it wasn't you, ignore this mail; nothing else will come."
        ) % {"code": code}
    _send(request, EmailMessage(subject, body, to=[request.email]))


def send_transcript(request_id: int) -> None:
    """A task: mails a confirmed transcript, once."""
    request = TranscriptRequest.objects.filter(pk=request_id, status=TranscriptRequest.Status.CONFIRMED).first()
    if request is None:
        return
    with translation.override(django_language(request.language)):
        subject = _("Transcript of your chat")
    mail = EmailMessage(subject, transcript_text(request.conversation, request.language), to=[request.email])
    mail.attach("chat.html", transcript_html(request.conversation, request.language), "text/html")
    if _send(request, mail):
        TranscriptRequest.objects.filter(pk=request.pk).update(
            status=TranscriptRequest.Status.SENT, sent_at=timezone.now()
        )


def _send(request: TranscriptRequest, mail: EmailMessage) -> bool:
    try:
        mail.send()
    except (SMTPException, OSError) as error:
        log.warning("transcript request %s: the mail was not sent (%s)", request.pk, error)
        TranscriptRequest.objects.filter(pk=request.pk).update(status=TranscriptRequest.Status.FAILED)
        return False
    return True
