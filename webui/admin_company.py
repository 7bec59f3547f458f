"""The admins' page for the chat's settings: one row, so the list leads straight to it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from chatbot.company import services
from chatbot.company.hours import WEEKDAYS, HoursError, format_day, parse_day
from chatbot.company.models import CompanySettings
from webui.admin_forms import TextListField
from webui.admin_site import site

_DAY_NAMES = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
_HINT = _("Such as 09:00-12:00, 13:00-18:00. Empty: closed.")


class CompanySettingsForm(forms.ModelForm):
    holidays = TextListField(
        separator="\n",
        label=_("Holidays"),
        help_text=_("Dates such as 2026-12-25, one per line."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )

    class Meta:
        model = CompanySettings
        exclude = ("week",)  # noqa: DJ006  (written below, by weekday)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for day in WEEKDAYS:
            self.fields[day].initial = format_day(self.instance.week.get(day, []))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        week = {}
        for day in WEEKDAYS:
            try:
                week[day] = parse_day(cleaned.get(day) or "")
            except HoursError as error:
                self.add_error(day, ValidationError(str(error)))
        self.instance.week = week
        return cleaned


for _day, _name in zip(WEEKDAYS, _DAY_NAMES, strict=True):
    CompanySettingsForm.base_fields[_day] = CompanySettingsForm.declared_fields[_day] = forms.CharField(
        label=_name, required=False, help_text=_HINT if _day == "mon" else "", widget=UnfoldAdminTextInputWidget()
    )


@admin.register(CompanySettings, site=site)
class CompanySettingsAdmin(ModelAdmin):
    form = CompanySettingsForm
    warn_unsaved_form = True
    fieldsets = (
        (_("Office hours"), {"fields": ("has_office_hours", "time_zone", *WEEKDAYS, "holidays", "can_leave_message")}),
        (
            _("Before the chat"),
            {
                "fields": (
                    "form_mode",
                    ("form_asks_name", "form_asks_email", "form_asks_order_number"),
                    "consent_text_en",
                    "consent_text_zh",
                    "is_consent_required",
                )
            },
        ),
        (_("Privacy"), {"fields": ("is_customer_typing_visible", "remembers_customers", "remember_days")}),
        (
            _("Files, voice, mail"),
            {"fields": ("has_attachments", "attachment_max_mb", "has_voice", "can_email_transcript")},
        ),
    )  # fmt: skip

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)

    has_view_permission = has_change_permission = _may

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        row, _is_new = CompanySettings.objects.get_or_create(pk=CompanySettings.ONLY_PK)
        return redirect("admin:company_companysettings_change", row.pk)

    def save_model(self, request: HttpRequest, obj: CompanySettings, form: Any, change: bool) -> None:
        names = [field.name for field in obj._meta.concrete_fields if field.name not in ("id", "updated_at")]
        services.update_settings(**{name: getattr(obj, name) for name in names})
