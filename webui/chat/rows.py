"""What the chat's socket reads, as the customer may see it. Synchronous; writes are in `chatbot.conversations`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils.translation import get_supported_language_variant

from chatbot.conversations import services
from chatbot.conversations.models import Conversation, Customer, Message, Reply
from chatbot.conversations.sessions import customer_of


def own_conversation(customer: Customer, language: str) -> Conversation:
    """The conversation that this customer's browser shows; started if there is none."""
    current = services.current_conversation(customer=customer, language=language)
    return Conversation.objects.visible_to(customer).get(pk=current.pk)


def has_access(token: str | None, customer_id: UUID, conversation_id: UUID | None) -> bool:
    customer = customer_of(token)
    if customer is None or customer.pk != customer_id:
        return False
    return conversation_id is None or Conversation.objects.visible_to(customer).filter(pk=conversation_id).exists()


def read_snapshot(customer: Customer, conversation_id: UUID, last_seq: int) -> dict[str, Any]:
    """The messages after `last_seq`, and the reply that is on its way, if any."""
    conversation = Conversation.objects.visible_to(customer).get(pk=conversation_id)
    # The reply first: one that is finished between the two reads then shows as running and finished, never as neither.
    running = _running_reply(conversation)
    messages = conversation.messages.after(last_seq).with_reply()  # type: ignore[attr-defined]
    return {
        "conversation_id": str(conversation_id),
        "messages": [asdict(message.payload()) for message in messages],
        "running_reply": running,
    }


def message_saved(message: Message) -> dict[str, Any]:
    """The data of a `message.saved` frame."""
    return {"conversation_id": str(message.conversation_id), "message": asdict(message.payload())}


def language_of(scope: Mapping[str, Any]) -> str:
    """`en` or `zh`: the language chosen on the page, else the browser's first that we have."""
    wanted = [scope["cookies"].get(settings.LANGUAGE_COOKIE_NAME, "")]
    for name, value in scope["headers"]:
        if name == b"accept-language":
            wanted += [part.split(";")[0].strip() for part in value.decode("latin-1").split(",")[:8]]
    for code in filter(None, wanted):
        try:
            return get_supported_language_variant(code.lower())[:2]
        except LookupError:
            continue
    return settings.LANGUAGE_CODE[:2]


def _running_reply(conversation: Conversation) -> dict[str, int] | None:
    unfinished = Reply.objects.unfinished().filter(conversation=conversation)
    reply = unfinished.order_by("customer_message__seq").first()
    return {"reply_id": reply.pk, "attempt": reply.attempt} if reply else None
