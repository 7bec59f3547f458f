"""The review queue, one turn of it, and what a reviewer says of it. The rules are in `chatbot.review`."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.conversations.models import Conversation, Message, is_admin
from chatbot.review import services
from chatbot.review.corrections import CorrectionRefusedError, correct
from chatbot.review.models import Review
from webui.desk.access import agents_only, no_access
from webui.desk.review import turns
from webui.desk.review.address import REASON_LABELS, QueueAddress, parse_address
from webui.desk.review.marking import markings_of
from webui.desk.rows import customer_name


@require_safe
@agents_only
def queue(request: HttpRequest) -> HttpResponse:
    """The queue with nothing opened. With the header `X-Partial` only its list."""
    template = "desk/review/list.html" if "X-Partial" in request.headers else "desk/review/page.html"
    return render(request, template, _context(request, parse_address(request.GET.dict())))


@require_safe
@agents_only
def item(request: HttpRequest, message_id: int) -> HttpResponse:
    """One turn opened beside the queue. With the header `X-Partial` only the turn."""
    context: dict[str, Any] = _turn_context(request, turn_or_404(request, message_id))
    if "X-Partial" in request.headers:
        return render(request, "desk/review/turn.html", context)
    context |= _context(request, parse_address(request.GET.dict()))
    return render(request, "desk/review/page.html", context)


@require_safe
@agents_only
def following(request: HttpRequest) -> HttpResponse:
    """On to what waits first; to the empty queue when nothing does."""
    wanted = parse_address(request.GET.dict())
    first = wanted.items(request.user).values_list("pk", flat=True).first()
    if first is None:
        return redirect(reverse("desk-review") + wanted.query)
    return redirect(reverse("desk-review-item", args=[first]) + wanted.query)


@require_safe
@agents_only
def side(request: HttpRequest) -> HttpResponse:
    """Partial: the figures."""
    return render(request, "desk/review/side.html", turns.side_context(request.user))


@require_POST
@agents_only
def mark(request: HttpRequest, message_id: int) -> HttpResponse:
    """Keeps this agent's verdict and, if asked, the correction that comes of it: both or neither."""
    message = turn_or_404(request, message_id)
    try:
        _keep(request, message)
    except services.ReviewRefusedError as error:
        return JsonResponse({"code": error.code, "text": _refusal(error.code)}, status=400)
    except CorrectionRefusedError as error:
        return JsonResponse({"code": error.code, "text": _correction_refusal(error)}, status=400)
    return _marked(request, message)


@transaction.atomic
def _keep(request: HttpRequest, message: Message) -> None:
    posted = {name: value.replace("\x00", "") for name, value in request.POST.dict().items()}
    services.review_turn(
        message=message,
        reviewer=request.user,
        verdict=posted.get("verdict", ""),
        better_text=posted.get("better_text", ""),
        corrected_sentiment=posted.get("sentiment", ""),
    )
    if posted.get("correction"):
        correct(
            message=message,
            author=request.user,
            kind=posted["correction"],
            answer_id=posted.get("answer_id", ""),
            question=posted.get("question", ""),
            text=posted.get("better_text", ""),
        )


@require_POST
@agents_only
def pick(request: HttpRequest, message_id: int, review_id: int) -> HttpResponse:
    """An admin says which of the differing reviews counts."""
    if not is_admin(request.user):
        return no_access(request)
    message = turn_or_404(request, message_id)
    services.pick(review=get_object_or_404(Review, pk=review_id, message=message), by=request.user)
    return _marked(request, message)


def _marked(request: HttpRequest, message: Message) -> HttpResponse:
    """A script gets the partial that it posted, anew; a form goes on in the queue or back to the transcript."""
    is_in_queue = "queue" in request.POST
    if "X-Partial" in request.headers:
        if is_in_queue:
            return render(request, "desk/review/mark.html", _turn_context(request, message))
        marking = markings_of([message], request.user)[message.pk]
        return render(request, "desk/review/mark.html", {"marking": marking, "is_admin": is_admin(request.user)})
    if is_in_queue:
        wanted = parse_address(QueryDict(request.POST["queue"].removeprefix("?")).dict())
        return redirect(reverse("desk-review-next") + wanted.query)
    return redirect(f"{reverse('desk-conversation', args=[message.conversation_id])}#{anchor_of(message)}")


def turn_or_404(request: HttpRequest, message_id: int) -> Message:
    """A customer's message that this agent may see, with its reply and conversation."""
    turns_seen = Message.objects.filter(
        author=Message.Author.CUSTOMER, conversation__in=Conversation.objects.visible_to(request.user)
    )
    return get_object_or_404(turns_seen.select_related("reply__message", "conversation__customer"), pk=message_id)


def anchor_of(message: Message) -> str:
    """Where the turn stands in its transcript: at its reply if it has one."""
    reply = getattr(message, "reply", None)
    return f"reply-{reply.pk}" if reply and reply.message_id else f"seq-{message.seq}"


def _context(request: HttpRequest, wanted: QueueAddress) -> dict[str, Any]:
    return {
        "queue": wanted,
        "queue_query": wanted.query,
        "rows": turns.rows_of(wanted, request.user),
        "reason_labels": REASON_LABELS,
        "moods": Conversation.Mood.values,
        "is_admin": is_admin(request.user),
    } | turns.side_context(request.user)


def _turn_context(request: HttpRequest, message: Message) -> dict[str, Any]:
    turn = turns.turn_of(message, request.user)
    address = request.POST.get("queue", "") or parse_address(request.GET.dict()).query
    return {
        "turn": turn,
        "marking": turn.marking,
        "is_open": True,
        "name": customer_name(message.conversation),
        "anchor": anchor_of(message),
        "queue_query": address,
        "is_admin": is_admin(request.user),
    }


def _refusal(code: str) -> str:
    return {
        "no_sentiment": _("Choose the sentiment that is right, then say that it is wrong. Nothing was saved yet."),
        "too_long": _("The better answer has more than 4,000 characters. Shorten it; your text is kept here."),
    }.get(code, _("That is not one of the verdicts. Nothing was saved."))


def _correction_refusal(error: CorrectionRefusedError) -> str:
    texts = {
        "no_entry": _("There is no entry “%s”. Choose one from the list; nothing was saved yet."),
        "is_entry": _("There is an entry “%s” already. Change that one, or choose another name."),
    }
    if error.code in texts:
        return texts[error.code] % error.detail
    return _("That can't become an answer yet: %s Your text is kept here.") % error.detail
