"""What the chat's socket reads, as the customer may see it. Synchronous; writes are in `chatbot.conversations`."""

from collections.abc import Mapping
from dataclasses import asdict
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import get_supported_language_variant

from chatbot.conversations import services
from chatbot.conversations.models import Conversation, Customer, Message, Reply
from webui.chat.access import Visitor, is_still_valid


def own_conversation(customer: Customer, language: str, site_key: str = "") -> Conversation:
    """The conversation that this customer's browser shows; started if there is none."""
    current = services.current_conversation(customer=customer, language=language, site_key=site_key)
    return Conversation.objects.visible_to(customer).get(pk=current.pk)


def find_conversation(customer: Customer, conversation_id: UUID) -> Conversation | None:
    """One of this customer's conversations by its id; None for everybody else's."""
    return Conversation.objects.visible_to(customer).filter(pk=conversation_id).first()


def has_access(visitor: Visitor, conversation_id: UUID | None) -> bool:
    if not is_still_valid(visitor):
        return False
    if conversation_id is None:
        return True
    return Conversation.objects.visible_to(visitor.customer).filter(pk=conversation_id).exists()


def read_snapshot(customer: Customer, conversation_id: UUID, last_seq: int) -> dict[str, Any]:
    """The newest messages after `last_seq`, one page at most, who has the conversation, and the running reply.

    `has_earlier`: there are more before the first of them. A browser that lacks some between its own and these drops
    its own and loads the pages before as its reader scrolls up.
    """
    conversation = _with_assignee(customer).get(pk=conversation_id)
    # The reply first: one that is finished between the two reads then shows as running and finished, never as neither.
    running = _running_reply(conversation)
    newest = conversation.messages.after(last_seq).with_reply().reverse()[: settings.CHAT_PAGE_SIZE]  # type: ignore[attr-defined]
    messages = list(newest)[::-1]
    # `last_seq` was read before the messages; a later one among them is the newer truth.
    newest_seq = messages[-1].seq if messages else conversation.last_seq
    first_seq = messages[0].seq if messages else newest_seq + 1
    return {
        "conversation_id": str(conversation_id),
        "language": conversation.language,
        "state": asdict(conversation.state()),
        "messages": [asdict(message.payload()) for message in messages],
        "first_seq": first_seq,
        "last_seq": newest_seq,
        "has_earlier": first_seq > 1,
        "running_reply": running,
    }


def read_page(conversation: Conversation, before_seq: int) -> dict[str, Any]:
    """The messages before `before_seq`, the nearest of them, one page."""
    page = conversation.messages.filter(seq__lt=before_seq).with_reply().order_by("-seq")  # type: ignore[attr-defined]
    messages = list(page[: settings.CHAT_PAGE_SIZE])[::-1]
    return {
        "conversation_id": str(conversation.pk),
        "before_seq": before_seq,
        "messages": [asdict(message.payload()) for message in messages],
        "has_earlier": bool(messages) and messages[0].seq > 1,
    }


def read_pong(customer: Customer, conversation_id: UUID) -> dict[str, Any]:
    """What a browser compares with what it has, to learn that it missed something."""
    conversation = _with_assignee(customer).get(pk=conversation_id)
    return {
        "conversation_id": str(conversation_id),
        "last_seq": conversation.last_seq,
        "running_reply": _running_reply(conversation),
        "state": asdict(conversation.state()),
    }


def list_conversations(customer: Customer) -> list[dict[str, Any]]:
    """The customer's latest conversations with their last words; those in which nothing was said are left out."""
    spoken = Conversation.objects.visible_to(customer).filter(last_seq__gt=0).order_by("-last_message_at")
    return [
        {
            "id": str(one.pk),
            "last_text": one.last_text,
            "last_author": one.last_author,
            "last_message_at": (one.last_message_at or one.created_at).isoformat(),
            "status": one.status,
            "num_unread": max(0, one.last_seq - one.customer_seen_seq),
        }
        for one in spoken[: settings.CHAT_MAX_LISTED]
    ]


def message_saved(message: Message) -> dict[str, Any]:
    """The data of a `message.saved` frame."""
    return {"conversation_id": str(message.conversation_id), "message": asdict(message.payload())}


def language_of(scope: Mapping[str, Any]) -> str:
    """`en` or `zh`: the language chosen on the page, else the browser's first that we have."""
    wanted = [cookie_of(scope, settings.LANGUAGE_COOKIE_NAME)]
    for name, value in scope["headers"]:
        if name == b"accept-language":
            wanted += [part.split(";")[0].strip() for part in value.decode("latin-1").split(",")[:8]]
    for code in filter(None, wanted):
        try:
            return get_supported_language_variant(code.lower())[:2]
        except LookupError:
            continue
    return settings.LANGUAGE_CODE[:2]


def cookie_of(scope: Mapping[str, Any], name: str) -> str:
    """A cookie of an ASGI scope, of a socket or of an HTTP request."""
    for header, value in scope["headers"]:
        if header == b"cookie":
            morsel = SimpleCookie(value.decode("latin-1")).get(name)
            return morsel.value if morsel else ""
    return ""


def _with_assignee(customer: Customer) -> "QuerySet[Conversation]":
    return Conversation.objects.visible_to(customer).select_related("assignee")


def _running_reply(conversation: Conversation) -> dict[str, int] | None:
    unfinished = Reply.objects.unfinished().filter(conversation=conversation)
    reply = unfinished.order_by("customer_message__seq").first()
    return {"reply_id": reply.pk, "attempt": reply.attempt} if reply else None
