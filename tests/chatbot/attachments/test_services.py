"""Uploads, through the services: whose they are, how many, and that nothing is left behind."""

import os
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from chatbot.attachments import services, storage
from chatbot.attachments.checks import FileRefusedError
from chatbot.attachments.models import Attachment
from chatbot.company.services import update_settings
from chatbot.conversations.models import Customer
from chatbot.conversations.services import receive_message
from tests.chatbot.attachments.test_checks import picture

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def folder(settings, tmp_path, enqueued, published):
    settings.ATTACHMENTS_FOLDER = tmp_path / "attachments"


def upload(customer: Customer, name: str = "cup.png") -> Attachment:
    return services.save_attachment(customer=customer, name=name, content=picture())


def test_a_file_goes_out_with_a_message_twice_the_same(conversation):
    file = upload(conversation.customer)
    for _ in range(2):
        files = services.attachments_of(conversation.customer, [str(file.pk)])
        message = receive_message(conversation=conversation, text="", client_id="a", attachments=files)
    assert message.attachments == [file.payload()]
    assert storage.path_of(file.file).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("ids", [["nonsense"], ["0" * 32], [None]])
def test_unknown_files_are_refused(conversation, ids):
    with pytest.raises(services.AttachmentRefusedError):
        services.attachments_of(conversation.customer, ids)


def test_another_customers_file_is_refused_and_stays_unsent(conversation):
    file = upload(Customer.objects.create())
    with pytest.raises(services.AttachmentRefusedError):
        services.attachments_of(conversation.customer, [str(file.pk)])
    assert Attachment.objects.get().sent_at is None


def test_files_are_limited_and_can_be_switched_off(conversation, monkeypatch):
    monkeypatch.setattr(services, "MAX_UNSENT", 1)
    upload(conversation.customer)
    with pytest.raises(FileRefusedError, match="too_many"):
        upload(conversation.customer)
    update_settings(has_attachments=False)
    with pytest.raises(FileRefusedError, match="off"):
        upload(Customer.objects.create())


def test_the_clean_up_deletes_what_was_never_sent_and_bytes_without_a_row(conversation):
    sent, unsent, lost = (upload(conversation.customer, name) for name in ("sent.png", "unsent.png", "lost.png"))
    for file in (sent, lost):
        files = services.attachments_of(conversation.customer, [str(file.pk)])
    receive_message(conversation=conversation, text="", client_id="a", attachments=[sent.payload()])
    long_ago = timezone.now() - timedelta(hours=30)
    Attachment.objects.update(created_at=long_ago)
    Attachment.objects.exclude(sent_at=None).update(sent_at=long_ago)
    stray = storage.path_of(storage.write_file(b"stray", None))
    os.utime(stray, (time.time() - 9000,) * 2)
    assert services.remove_orphans() == 3
    assert list(Attachment.objects.all()) == [sent]
    assert [name for name, _ in storage.stored_names()] == [sent.file]
    assert files and not stray.exists() and not storage.path_of(unsent.file).exists()
