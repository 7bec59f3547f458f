"""The admins' pages for embed keys: the snippet to copy, origins, looks, and the identity secret, shown once."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from chatbot.sites import services
from chatbot.sites.models import SiteKey
from webui.admin_site import site


class LinesField(forms.Field):
    """A list, written one per line."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> list[str]:
        return [line.strip() for line in (value or "").splitlines() if line.strip()]


class SiteKeyForm(forms.ModelForm):
    allowed_origins = LinesField(
        label=_("Allowed origins"),
        required=False,
        help_text=_("One per line, such as https://shop.example or https://*.shop.example for subdomains."),
    )

    class Meta:
        model = SiteKey
        fields = (
            *("name", "allowed_origins", "is_active", "accent", "radius_px", "position"),
            *("launcher_text_en", "launcher_text_zh", "language"),
        )


@admin.register(SiteKey, site=site)
class SiteKeyAdmin(ModelAdmin):
    form = SiteKeyForm
    list_display = ("name", "key", "origins", "is_active")
    list_filter = ("is_active",)
    list_per_page = 50
    search_fields = ("name", "key")
    readonly_fields = ("key", "snippet")
    actions_detail = ("show_identity",)
    fieldsets = (
        (None, {"fields": ("name", "allowed_origins", "is_active", "key", "snippet")}),
        (
            _("Look"),
            {"fields": ("accent", "radius_px", "position", "launcher_text_en", "launcher_text_zh", "language")},
        ),
    )

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)

    has_view_permission = has_add_permission = has_change_permission = has_delete_permission = _may

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    @admin.display(description=_("Allowed origins"))
    def origins(self, obj: SiteKey) -> str:
        return ", ".join(obj.allowed_origins)

    @admin.display(description=_("Snippet"))
    def snippet(self, obj: SiteKey) -> SafeString | str:
        """The one line for the host's pages, with this server's own address."""
        if obj.pk is None:
            return gettext("Save first.")
        tag = '<script src="{}/embed.js" data-kefu-key="{}" async></script>'
        return format_html("<code>{}</code>", tag.format(self._own_origin, obj.key))

    _own_origin = ""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self._own_origin = f"{request.scheme}://{request.get_host()}"
        return super().changeform_view(request, *args, **kwargs)

    def get_urls(self) -> list[URLPattern]:
        rotate = self.admin_site.admin_view(self.rotate)
        return [path("<int:pk>/rotate/", rotate, name="sites_sitekey_rotate"), *super().get_urls()]

    @action(description=_("Identity secret"), url_path="identity", icon="key")
    def show_identity(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """How the host's server signs, without the secret: that one is shown when it is made."""
        return self._identity_page(request, get_object_or_404(SiteKey, pk=object_id), secret="")

    def rotate(self, request: HttpRequest, pk: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        obj = get_object_or_404(SiteKey, pk=pk)
        secret = services.rotate_identity_secret(site=obj)
        messages.success(request, gettext("A new secret was made. What the old one signed is refused from now on."))
        response = self._identity_page(request, obj, secret=secret)
        response["Cache-Control"] = "no-store"
        return response

    def _identity_page(self, request: HttpRequest, obj: SiteKey, secret: str) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Identity secret of %(name)s") % {"name": obj.name},
            "site_key": obj,
            "secret": secret,
            "back": reverse("admin:sites_sitekey_change", args=[obj.pk]),
        }
        return TemplateResponse(request, "admin/sites/identity.html", context)
