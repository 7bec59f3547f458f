"""Reviewing one turn: its verdicts as POST routes. The rules are in `chatbot.review.services`."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from chatbot.conversations.models import Conversation, Message
from chatbot.review import services
from webui.desk.access import agents_only
from webui.desk.review.marking import markings_of


@require_POST
@agents_only
def mark(request: HttpRequest, message_id: int) -> HttpResponse:
    """Keeps this agent's verdict; a script gets the partial anew, a form goes back to the transcript."""
    message = turn_or_404(request, message_id)
    try:
        services.review_turn(
            message=message,
            reviewer=request.user,
            verdict=request.POST.get("verdict", ""),
            better_text=request.POST.get("better_text", "").replace("\x00", ""),
            corrected_sentiment=request.POST.get("sentiment", ""),
        )
    except services.ReviewRefusedError as error:
        return JsonResponse({"code": error.code, "text": _refusal(error.code)}, status=400)
    if "X-Partial" in request.headers:
        marking = markings_of([message], request.user)[message.pk]
        return render(request, "desk/review/mark.html", {"marking": marking})
    return redirect(f"{reverse('desk-conversation', args=[message.conversation_id])}#{anchor_of(message)}")


def turn_or_404(request: HttpRequest, message_id: int) -> Message:
    """A customer's message that this agent may see, with its reply and conversation."""
    turns = Message.objects.filter(
        author=Message.Author.CUSTOMER, conversation__in=Conversation.objects.visible_to(request.user)
    )
    return get_object_or_404(turns.select_related("reply__message", "conversation__customer"), pk=message_id)


def anchor_of(message: Message) -> str:
    """Where the turn stands in its transcript: at its reply if it has one."""
    reply = getattr(message, "reply", None)
    return f"reply-{reply.pk}" if reply and reply.message_id else f"seq-{message.seq}"


def _refusal(code: str) -> str:
    return {
        "no_sentiment": _("Choose the sentiment that is right, then say that it is wrong. Nothing was saved yet."),
        "too_long": _("The better answer has more than 4,000 characters. Shorten it; your text is kept here."),
    }.get(code, _("That is not one of the verdicts. Nothing was saved."))
