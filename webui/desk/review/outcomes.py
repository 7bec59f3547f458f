"""What becomes of reviews: the list of corrections, the examples as a file, and replays side by side."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.conversations.models import Conversation, is_admin
from chatbot.knowledge.models import AnswerDraft
from chatbot.review import corrections, replays
from chatbot.review.models import Correction, Replay
from webui.desk.access import agents_only, conversation_or_404, no_access
from webui.desk.rows import customer_name

PAGE_SIZE = 40
KEPT = "kept"
_STATES = (*AnswerDraft.Status.values, KEPT)


@require_safe
@agents_only
def corrections_page(request: HttpRequest) -> HttpResponse:
    """Every correction with its state, newest first; `state` narrows it, `before` goes on."""
    state = request.GET.get("state", "")
    found = Correction.objects.filter(message__conversation__in=Conversation.objects.visible_to(request.user))
    if state in AnswerDraft.Status.values:
        found = found.filter(draft__status=state)
    elif state == KEPT:
        found = found.filter(draft=None)
    before = request.GET.get("before", "")
    if before.isdecimal() and len(before) < 19:
        found = found.filter(pk__lt=int(before))
    shown = found.select_related("draft", "author", "message__conversation__customer").order_by("-pk")
    read = list(shown[: PAGE_SIZE + 1])
    context: dict[str, Any] = {
        "corrections": read[:PAGE_SIZE],
        "next_before": read[PAGE_SIZE - 1].pk if len(read) > PAGE_SIZE else None,
        "state": state if state in _STATES else "",
        "states": _STATES,
        "is_admin": is_admin(request.user),
    }
    return render(request, "desk/review/corrections.html", context)


@require_POST
@agents_only
def withdraw(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Takes back one's own correction; an admin anybody's. What was decided stays."""
    correction = get_object_or_404(Correction, pk=correction_id)
    if correction.author_id != request.user.pk and not is_admin(request.user):
        return no_access(request)
    corrections.withdraw(correction=correction)
    messages.success(request, _("Withdrawn. The review itself is kept."))
    return redirect("desk-corrections")


@require_safe
@agents_only
def examples_file(request: HttpRequest, name: str) -> HttpResponse:
    """The examples as JSON Lines, as training reads them; as many as reviewers typed, so they fit in one answer."""
    lines = {"paraphrases": corrections.example_lines, "sentiment": corrections.sentiment_lines}.get(name)
    if lines is None:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{name}.jsonl"'}
    return HttpResponse("".join(lines()), content_type="application/x-ndjson; charset=utf-8", headers=headers)


@require_POST
@agents_only
def start_replay(request: HttpRequest, pk: UUID) -> HttpResponse:
    replay = replays.request_replay(conversation=conversation_or_404(request, pk), agent=request.user)
    return redirect("desk-replay", replay.pk)


@require_safe
@agents_only
def replay_page(request: HttpRequest, replay_id: int) -> HttpResponse:
    """Then and now side by side. With the header `X-Partial` only the turns, for a page that waits."""
    found = Replay.objects.filter(conversation__in=Conversation.objects.visible_to(request.user))
    replay = get_object_or_404(found.select_related("conversation__customer"), pk=replay_id)
    pairs = replays.pairs_of(replay)
    context = {
        "replay": replay,
        "conversation": replay.conversation,
        "name": customer_name(replay.conversation),
        "pairs": pairs,
        "num_answered": len(replay.replies),
        "num_changed": sum(pair.is_changed for pair in pairs if pair.new),
        "is_under_way": replay.status in (Replay.Status.WAITING, Replay.Status.RUNNING),
        "is_admin": is_admin(request.user),
    }
    template = "desk/review/replay_turns.html" if "X-Partial" in request.headers else "desk/review/replay.html"
    return render(request, template, context)
