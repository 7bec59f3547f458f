"""What every write to a conversation is made of: the lock, the next message, events on commit.

For the services of this room and for rooms that write to conversations (`handling.py`, `chatbot.attachments`).
"""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from chatbot import events
from chatbot.conversations.models import Conversation, Message, agent_display_name

_PREVIEW_CHARS = 200


def lock_conversation(conversation_id: UUID) -> Conversation:
    """The row as it is now; until the commit nobody else writes to it.

    (On SQLite the transaction itself keeps all others out.)
    """
    return Conversation.objects.select_for_update().get(pk=conversation_id)


def save_message(
    conversation_id: UUID,
    author: str,
    text: str,
    *,
    kind: str = "",
    client_id: str = "",
    agent: User | None = None,
    attachments: Sequence[dict[str, Any]] = (),
    is_announced: bool = True,
) -> Message:
    """Adds a message under the next seq; the conversation must be locked."""
    now = timezone.now()
    changes: dict[str, Any] = {"last_seq": F("last_seq") + 1}
    if author != Message.Author.SYSTEM:
        preview = text or ", ".join(attachment["name"] for attachment in attachments)
        changes |= {"last_message_at": now, "last_author": author, "last_text": preview[:_PREVIEW_CHARS]}
    Conversation.objects.filter(pk=conversation_id).update(**changes)
    message = Message.objects.create(
        conversation_id=conversation_id,
        seq=Conversation.objects.values_list("last_seq", flat=True).get(pk=conversation_id),
        author=author,
        kind=kind,
        text=text,
        client_id=client_id,
        agent=agent,
        agent_name=agent_display_name(agent) if agent else "",
        attachments=list(attachments),
        created_at=now,
    )
    if is_announced:
        publish_on_commit(events.MessageSaved(conversation_id=str(conversation_id), message=message.payload()))
    publish_on_commit(events.ConversationChanged(conversation_id=str(conversation_id)))
    return message


def publish_on_commit(event: events.Event) -> None:
    transaction.on_commit(partial(events.publish, event))


def publish_state_on_commit(conversation_id: UUID) -> None:
    """Tells the conversation's browsers who has it now, and the desk that its row is out of date."""
    transaction.on_commit(partial(_publish_state, conversation_id))


def _publish_state(conversation_id: UUID) -> None:
    conversation = Conversation.objects.select_related("assignee").get(pk=conversation_id)
    events.publish(events.StateChanged(conversation_id=str(conversation_id), state=conversation.state()))
    events.publish(events.ConversationChanged(conversation_id=str(conversation_id)))
