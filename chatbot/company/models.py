"""What the company has decided about its chat, and what customers filled in there. Writes are in the services.

`CompanySettings` is one row; without it the defaults hold, so nothing has to be set up.
"""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from chatbot.company.hours import HoursError, check_holidays, check_time_zone, check_week
from chatbot.conversations.models import Conversation, Customer

ORDER_NUMBER_MAX_CHARS = 40


class CompanySettings(models.Model):
    ONLY_PK = 1

    class FormMode(models.TextChoices):
        OFF = "off", _("Off")
        OPTIONAL = "optional", _("Optional: customers may skip it")
        REQUIRED = "required", _("Required before the first message")

    has_office_hours = models.BooleanField(
        _("People answer only in office hours"), default=False, help_text=_("The chatbot answers at any hour.")
    )
    time_zone = models.CharField(
        _("Time zone"), max_length=60, default="UTC", help_text=_("Such as Asia/Shanghai or Europe/London.")
    )
    week = models.JSONField(_("Office hours"), default=dict, blank=True, help_text="by weekday: [[start, end], …]")
    holidays = models.JSONField(_("Holidays"), default=list, blank=True, help_text="dates as YYYY-MM-DD")
    can_leave_message = models.BooleanField(_("Outside office hours, offer to leave a message"), default=True)
    form_mode = models.CharField(_("Form before the chat"), max_length=8, choices=FormMode, default=FormMode.OFF)
    form_asks_name = models.BooleanField(_("Ask for the name"), default=True)
    form_asks_email = models.BooleanField(_("Ask for the e-mail address"), default=True)
    form_asks_order_number = models.BooleanField(_("Ask for the order number"), default=False)
    consent_text_en = models.TextField(_("Consent text, English"), blank=True, default="", max_length=2000)
    consent_text_zh = models.TextField(_("Consent text, Chinese"), blank=True, default="", max_length=2000)
    is_consent_required = models.BooleanField(
        _("Customers must agree before they chat"), default=False, help_text=_("Only where there is a consent text.")
    )
    is_customer_typing_visible = models.BooleanField(_("Agents see that a customer is typing"), default=True)
    remembers_customers = models.BooleanField(
        _("Remember returning customers"),
        default=True,
        help_text=_("Otherwise the browser forgets the conversation when it is closed."),
    )
    remember_days = models.PositiveSmallIntegerField(
        _("For how many days"), default=30, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    can_email_transcript = models.BooleanField(
        _("Customers may have the transcript sent by e-mail"),
        default=True,
        help_text=_("Needs a mail server (EMAIL_URL)."),
    )
    has_attachments = models.BooleanField(_("Customers may send images and PDF files"), default=True)
    attachment_max_mb = models.PositiveSmallIntegerField(
        _("Largest file, in MB"), default=10, validators=[MinValueValidator(1), MaxValueValidator(25)]
    )
    has_voice = models.BooleanField(
        _("Voice input and reading aloud"),
        default=True,
        help_text=_("Where the customer's browser has them; some browsers send the speech to their maker."),
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("chat settings")
        verbose_name_plural = _("chat settings")
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="company_settings_one_row")]

    def __str__(self) -> str:
        return str(_("Chat settings"))

    def clean(self) -> None:
        super().clean()
        errors: dict[str, str] = {}
        checks: dict[str, Any] = {"time_zone": check_time_zone, "week": check_week, "holidays": check_holidays}
        for name, check in checks.items():
            try:
                setattr(self, name, check(getattr(self, name)))
            except HoursError as error:
                errors[name] = str(error)
        if errors:
            raise ValidationError(errors)

    def consent_text(self, language: str) -> str:
        """In `language`, else in the other one: a text that is required is always there."""
        first, second = self.consent_text_en, self.consent_text_zh
        return (second or first) if language == "zh" else (first or second)


class FormEntry(models.Model):
    """What a customer filled in before a chat, and the words that they agreed to."""

    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="form_entries")
    name = models.CharField(max_length=80, blank=True, default="")
    email = models.EmailField(blank=True, default="")
    order_number = models.CharField(max_length=ORDER_NUMBER_MAX_CHARS, blank=True, default="")
    consent_text = models.TextField(blank=True, default="")
    is_skipped = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "form entries"

    def __str__(self) -> str:
        return f"form of {self.conversation_id}"


class TranscriptRequest(models.Model):
    """A customer's wish to have a transcript by e-mail: nothing is sent before the address's code was typed in."""

    class Status(models.TextChoices):
        ASKED = "asked"
        CONFIRMED = "confirmed"
        SENT = "sent"
        FAILED = "failed"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="transcript_requests")
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="transcript_requests")
    email = models.EmailField()
    language = models.CharField(max_length=8, default="en")
    status = models.CharField(max_length=9, choices=Status, default=Status.ASKED)
    code_hash = models.CharField(max_length=128, blank=True, default="")
    num_tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["customer", "created_at"], name="transcript_by_customer"),
            models.Index(fields=["email", "created_at"], name="transcript_by_email"),
        ]

    def __str__(self) -> str:
        return f"transcript of {self.conversation_id} ({self.status})"
