"""The admins' pages: answers, their versions, the answers file; users and groups for superusers.

Every write to an answer goes through `chatbot.knowledge.services`, which keeps the history and makes it live.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import quote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from chatbot.knowledge import services
from chatbot.knowledge.models import Answer, AnswerVersion
from webui import admin_company, admin_drafts, admin_notes, admin_sites  # noqa: F401  (they register their pages)
from webui.admin_forms import AnswerForm, ImportForm
from webui.admin_site import site

__all__ = ["site"]


class ForAdmins:
    """The site lets only admins in; they may do everything here, whatever their single permissions."""

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)

    has_view_permission = has_add_permission = has_change_permission = has_delete_permission = _may

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)


class ForSuperusers(ForAdmins):
    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(getattr(request.user, "is_superuser", False) and request.user.is_active)

    has_view_permission = has_add_permission = has_change_permission = has_delete_permission = _may


class TagFilter(admin.SimpleListFilter):
    title = _("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        tags = {tag for tags in Answer.objects.values_list("tags", flat=True) for tag in tags}
        return [(tag, tag) for tag in sorted(tags)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Answer]) -> QuerySet[Answer]:
        """Looks at the lists here: SQLite can't ask what a JSON list contains."""
        wanted = self.value()
        if wanted is None:
            return queryset
        return queryset.filter(pk__in=[pk for pk, tags in queryset.values_list("pk", "tags") if wanted in tags])


@admin.register(Answer, site=site)
class AnswerAdmin(ForAdmins, ModelAdmin):
    form = AnswerForm
    list_display = ("id", "question", "language", "tag_list", "is_live", "updated")
    list_display_links = ("id", "question")
    list_filter = ("language", "is_live", TagFilter)
    list_filter_submit = False
    list_per_page = 50
    search_fields = ("id", "question", "alternatives", "answer")
    search_help_text = _("Search ids, questions and answers")
    ordering = ("id",)
    actions_list = ("import_file", "export_file")
    fieldsets = (
        (None, {"fields": ("id", "language", "question", "alternatives", "answer", "tags", "is_live")}),
    )  # fmt: skip
    warn_unsaved_form = True

    @admin.display(description=_("Tags"))
    def tag_list(self, answer: Answer) -> str:
        return ", ".join(answer.tags)

    @admin.display(description=_("Updated"), ordering="updated_at")
    def updated(self, answer: Answer) -> str:
        return f"{timezone.localtime(answer.updated_at):%Y-%m-%d\u00a0%H:%M}"

    def get_readonly_fields(self, request: HttpRequest, obj: Answer | None = None) -> tuple[str, ...]:
        return ("id",) if obj else ()  # another id would be another answer

    def get_urls(self) -> list[URLPattern]:
        restore = self.admin_site.admin_view(self.restore_version)
        name = "knowledge_answer_restore"
        return [path("<path:object_id>/restore/<int:number>/", restore, name=name), *super().get_urls()]

    def save_model(self, request: HttpRequest, obj: Answer, form: AnswerForm, change: bool) -> None:
        services.save_answer(**obj.snapshot(), by=request.user)

    def delete_model(self, request: HttpRequest, obj: Answer) -> None:
        services.delete_answer(id=obj.pk, by=request.user)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Answer]) -> None:
        for pk in list(queryset.values_list("pk", flat=True)):
            services.delete_answer(id=pk, by=request.user)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Every state of an answer, newest first, deleted ones included."""
        pk = admin.utils.unquote(object_id)
        versions = list(AnswerVersion.objects.filter(answer_id=pk).select_related("changed_by"))
        if not versions:
            raise Http404
        context = self._page(request, title=gettext("Versions of %(id)s") % {"id": pk})
        is_deleted = not Answer.objects.filter(pk=pk).exists()
        context |= {"versions": versions, "answer_id": pk, "is_deleted": is_deleted, "object_id": object_id}
        return TemplateResponse(request, "admin/knowledge/history.html", context)

    def restore_version(self, request: HttpRequest, object_id: str, number: int) -> HttpResponse:
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        pk = admin.utils.unquote(object_id)
        try:
            services.restore_version(id=pk, number=number, by=request.user)
        except AnswerVersion.DoesNotExist as error:
            raise Http404 from error
        except ValidationError as error:
            text = gettext("Version %(number)s can't be restored: %(why)s Nothing was changed.")
            messages.error(request, text % {"number": number, "why": " ".join(error.messages)})
        else:
            messages.success(request, gettext("Version %(number)s is live again.") % {"number": number})
        return redirect("admin:knowledge_answer_history", quote(pk))

    @action(description=_("Import from CSV"), url_path="import", icon="upload")
    def import_file(self, request: HttpRequest) -> HttpResponse:
        form = ImportForm(request.POST or None, request.FILES or None)
        context = self._page(request, title=gettext("Import answers from CSV")) | {"form": form, "problems": []}
        if request.method == "POST" and form.is_valid():
            is_trial = "check" in request.POST
            try:
                summary = self._import(request, form.cleaned_data["text"], is_trial)
            except services.AnswersFileError as error:
                context |= {"problems": error.problems, "file_name": form.cleaned_data["file"].name}
            else:
                messages.success(request, _told(summary, is_trial))
                if not is_trial:
                    return redirect("admin:knowledge_answer_changelist")
        status = 422 if context["problems"] or form.errors else 200
        return TemplateResponse(request, "admin/knowledge/import.html", context, status=status)

    @transaction.atomic
    def _import(self, request: HttpRequest, text: str, is_trial: bool) -> services.ImportSummary:
        summary = services.import_answers(text, by=request.user)
        if is_trial:
            transaction.set_rollback(True)  # the real import was tried, so the numbers are what it would do
        return summary

    @action(description=_("Export as CSV"), url_path="export", icon="download")
    def export_file(self, request: HttpRequest) -> HttpResponse:
        headers = {"Content-Disposition": 'attachment; filename="answers.csv"'}
        return HttpResponse(services.export_answers(), content_type="text/csv; charset=utf-8", headers=headers)

    def _page(self, request: HttpRequest, title: str) -> dict[str, Any]:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        return {**self.admin_site.each_context(request), "opts": self.opts, "title": title}


def _told(summary: services.ImportSummary, is_trial: bool) -> str:
    counts = gettext("%(new)s new, %(changed)s changed, %(same)s unchanged") % {
        "new": summary.num_created,
        "changed": summary.num_updated,
        "same": summary.num_unchanged,
    }
    if is_trial:
        return gettext("The file is sound: %(counts)s. Nothing was saved yet.") % {"counts": counts}
    num = summary.num_created + summary.num_updated + summary.num_unchanged
    text = ngettext("Imported %(num)s answer: %(counts)s.", "Imported %(num)s answers: %(counts)s.", num)
    return text % {"num": num, "counts": counts}


@admin.register(AnswerVersion, site=site)
class AnswerVersionAdmin(ForAdmins, ModelAdmin):
    """What was changed, by whom; the way back to a deleted answer. Nothing is written here."""

    list_display = ("answer", "number", "change", "changed_by", "changed_at")
    list_display_links = None
    list_filter = ("change",)
    list_select_related = ("changed_by",)
    list_per_page = 50
    search_fields = ("answer_id",)
    ordering = ("-changed_at", "-pk")

    def has_no_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_add_permission = has_change_permission = has_delete_permission = has_no_permission

    @admin.display(description=_("Answer"), ordering="answer_id")
    def answer(self, version: AnswerVersion) -> SafeString:
        address = reverse("admin:knowledge_answer_history", args=[quote(version.answer_id)])
        return format_html('<a class="kefu-link" href="{}">{}</a>', address, version.answer_id)


@admin.register(User, site=site)
class UserAdmin(ForSuperusers, DjangoUserAdmin, ModelAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group, site=site)
class GroupAdmin(ForSuperusers, DjangoGroupAdmin, ModelAdmin):
    pass
