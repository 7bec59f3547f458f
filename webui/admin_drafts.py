"""The admins' pages for drafts of answers: what reviewers proposed, what it would change, publish or reject."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from chatbot.knowledge import drafts
from chatbot.knowledge.models import ANSWER_MAX_CHARS, QUESTION_MAX_CHARS, AnswerDraft
from webui.admin_site import site
from webui.text_diff import diff_of

_FIELD_LABELS = {
    "language": _("Language"),
    "question": _("Question"),
    "alternatives": _("Alternatives"),
    "answer": _("Answer"),
    "tags": _("Tags"),
    "is_live": _("Live"),
}


@admin.register(AnswerDraft, site=site)
class AnswerDraftAdmin(ModelAdmin):
    """Drafts come from reviews and are decided here; nothing is added or edited as a form of fields."""

    list_display = ("answer", "kind", "proposed_by", "created", "state")
    list_filter = ("status",)
    list_select_related = ("author",)
    list_per_page = 50
    search_fields = ("answer_id",)

    def _may(self, request: HttpRequest, obj: Any = None) -> bool:
        return site.has_permission(request)

    def _never(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_view_permission = has_change_permission = _may
    has_add_permission = has_delete_permission = _never

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    @admin.display(description=_("Answer"), ordering="answer_id")
    def answer(self, draft: AnswerDraft) -> str:
        return draft.answer_id

    @admin.display(description=_("Kind"))
    def kind(self, draft: AnswerDraft) -> object:
        return _("change") if draft.base else _("new entry")

    @admin.display(description=_("Proposed by"), ordering="author__username")
    def proposed_by(self, draft: AnswerDraft) -> str:
        return draft.author.get_username() if draft.author else ""

    @admin.display(description=_("Proposed"), ordering="created_at")
    def created(self, draft: AnswerDraft) -> object:
        return draft.created_at

    @display(description=_("State"), ordering="status", label={_("waiting"): "warning", _("published"): "success"})
    def state(self, draft: AnswerDraft) -> object:
        return {"waiting": _("waiting"), "published": _("published"), "rejected": _("rejected")}[draft.status]

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide)
        return [path("<int:pk>/decide/", decide, name="knowledge_answerdraft_decide"), *super().get_urls()]

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        """What publishing would change, beside where the draft comes from."""
        return self._page(request, get_object_or_404(AnswerDraft, pk=object_id if object_id.isdecimal() else 0))

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """`act`: publish (with the texts as they were edited), or reject."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        draft = get_object_or_404(AnswerDraft, pk=pk)
        try:
            told = self._decide(request, draft)
        except drafts.DraftRefusedError as error:
            messages.error(request, _refusal(error.code))
        except ValidationError as error:
            text = gettext("It can't be published like this: %s Nothing was changed.") % " ".join(error.messages)
            messages.error(request, text)
        else:
            messages.success(request, told)
            return redirect("admin:knowledge_answerdraft_changelist")
        return redirect("admin:knowledge_answerdraft_change", pk)

    def _decide(self, request: HttpRequest, draft: AnswerDraft) -> str:
        if request.POST.get("act") == "reject":
            drafts.reject(draft=draft, by=request.user)
            return gettext("Rejected. The answers stay as they are.")
        seen = request.POST.get("version", "")
        drafts.publish(
            draft=draft,
            by=request.user,
            seen_version=int(seen) if seen.isdecimal() else -1,
            question=request.POST.get("question"),
            text=request.POST.get("answer"),
        )
        return gettext("%s is live.") % draft.answer_id

    def _page(self, request: HttpRequest, draft: AnswerDraft) -> HttpResponse:
        request.current_app = self.admin_site.name  # type: ignore[attr-defined]
        changes = drafts.changes_of(draft) if draft.status == AnswerDraft.Status.WAITING else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Draft of %s") % draft.answer_id,
            "draft": draft,
            "correction": getattr(draft, "correction", None),
            "changes": [(_FIELD_LABELS[one.name], _difference(one)) for one in changes],
            "edits_text": "answer" in {one.name for one in changes},
            "version": drafts.version_of(draft),
            "question_max_chars": QUESTION_MAX_CHARS,
            "answer_max_chars": ANSWER_MAX_CHARS,
        }
        return TemplateResponse(request, "admin/knowledge/draft.html", context)


def _difference(change: drafts.Change) -> SafeString:
    return diff_of(_as_text(change.before), _as_text(change.after))


def _as_text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(value)
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    return value or ""


def _refusal(code: str) -> str:
    return {
        "decided": gettext("Somebody has decided on it already. Nothing was changed."),
        "changed": gettext("The answer was changed since you looked. See what publishing would change now."),
    }[code]
