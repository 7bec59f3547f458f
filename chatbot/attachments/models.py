"""The files that customers send: one row each, the bytes beside it in a folder (`storage.py`)."""

import uuid
from typing import Any, Self

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models

from chatbot.conversations.models import Customer, is_agent


class AttachmentQuerySet(models.QuerySet["Attachment"]):
    def visible_to(self, viewer: Customer | AbstractBaseUser | AnonymousUser | None) -> Self:
        """The web's only way to a file: a customer's own ones; for agents what was sent to them."""
        if isinstance(viewer, Customer):
            return self.filter(customer=viewer)
        if viewer is not None and is_agent(viewer):
            return self.filter(sent_at__isnull=False)
        return self.none()


class Attachment(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="attachments")
    name = models.CharField(max_length=120)
    content_type = models.CharField(max_length=40)
    size = models.PositiveIntegerField(help_text="bytes as stored")
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    file = models.CharField(max_length=80, unique=True, help_text="path below the attachments' folder")
    has_thumbnail = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True, db_index=True, help_text="when a message with it was taken")

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["customer", "created_at"], name="attachment_by_customer")]

    def __str__(self) -> str:
        return f"{self.name} ({self.content_type})"

    def payload(self) -> dict[str, Any]:
        """The file as messages and browsers know it."""
        return {
            "id": str(self.pk),
            "name": self.name,
            "content_type": self.content_type,
            "size": self.size,
            "width": self.width,
            "height": self.height,
        }
