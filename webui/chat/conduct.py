"""What a customer's requests do and what is answered, for the socket and for the way without one: one place for both.

It asks the services and reads rows; it decides nothing about messages or replies. Knows no transport: answers go out
through `put`, and whoever listens to the conversation's events is told by `move`.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from channels.db import database_sync_to_async
from django.conf import settings

from chatbot import events
from chatbot.conversations import services
from chatbot.conversations.models import Conversation, Message
from webui import protocol
from webui.chat import outside, rows
from webui.chat.access import Visitor

CLOSE_ACCESS_REVOKED = 4403
Put = Callable[[str, dict[str, Any]], Awaitable[None]]


def refusal(code: str, client_id: str = "") -> dict[str, Any]:
    """The data of an `error` frame; with the message that it is about, if it is about one."""
    return {"code": code, "client_id": client_id} if client_id else {"code": code}


class FormMissingError(PermissionError):
    """The company requires a form or a consent before the first word, and this customer has not given it."""

    code = "form_required"


def is_taken(conversation: Conversation, client_id: str) -> bool:
    return Message.objects.filter(conversation=conversation, client_id=client_id).exists()


class Limiter:
    """So many requests within the window; the small ones that a script sends by itself are counted apart."""

    def __init__(self) -> None:
        self._heavy: deque[float] = deque(maxlen=settings.CHAT_MAX_REQUESTS)
        self._light: deque[float] = deque(maxlen=settings.CHAT_MAX_SIGNALS)

    def is_over(self, request: protocol.Request) -> bool:
        heavy = (protocol.SendMessage, protocol.StartConversation, protocol.RequestPerson)
        seen, now = self._heavy if isinstance(request, heavy) else self._light, time.monotonic()
        if len(seen) == seen.maxlen and now - seen[0] < settings.CHAT_REQUESTS_WINDOW_S:
            return True
        seen.append(now)
        return False


@dataclass
class Conduct:
    """One browser's dealings: which conversation it shows, and what its requests do.

    `move(conversation)` is awaited before the snapshot is read, so that nothing saved in between is missed.
    """

    visitor: Visitor
    scope: Mapping[str, Any]
    put: Put
    move: Callable[[Conversation], Awaitable[None]]
    conversation: Conversation | None = None
    limiter: Limiter = field(default_factory=Limiter)
    checked_at: float = field(default_factory=time.monotonic)

    async def carry_out(self, request: protocol.Request) -> None:
        match request:
            case protocol.Subscribe():
                await self.subscribe(request)
            case protocol.OpenConversation():
                await self.subscribe(protocol.Subscribe(conversation_id=request.conversation_id))
            case protocol.StartConversation():
                await self.start_conversation()
            case protocol.ListConversations():
                found = await database_sync_to_async(rows.list_conversations)(self.visitor.customer)
                await self.put("conversation.list", {"conversations": found})
            case protocol.SendMessage():
                await self.receive_message(request)
            case _:
                await self.in_conversation(request, await self.chosen_conversation())

    async def in_conversation(self, request: protocol.Request, conversation: Conversation) -> None:
        in_database = database_sync_to_async
        match request:
            case protocol.LoadHistory():
                await self.put("history.page", await in_database(rows.read_page)(conversation, request.before_seq))
            case protocol.MarkSeen():
                await in_database(services.mark_seen_by_customer)(conversation=conversation, seq=request.seq)
            case protocol.SetTyping():
                if await in_database(outside.may_show_typing)(self.visitor.customer):
                    about = str(conversation.pk)
                    events.publish(events.Typing(conversation_id=about, author="customer", is_typing=request.is_typing))
            case protocol.StopReply():
                await in_database(services.stop_reply)(conversation=conversation)
            case protocol.RequestPerson():
                await self.request_person(conversation)
            case protocol.Ping():
                await self.put("pong", await in_database(rows.read_pong)(self.visitor.customer, conversation.pk))

    async def subscribe(self, request: protocol.Subscribe) -> None:
        conversation = await self.chosen_conversation(request.conversation_id)
        if conversation is None:
            await self.put("error", {"code": "no_conversation"})
            return
        if request.language and request.language != conversation.language:
            await database_sync_to_async(services.set_language)(conversation=conversation, language=request.language)
        await self.show(conversation, request.last_seq)

    async def start_conversation(self) -> None:
        conversation = await database_sync_to_async(services.start_conversation)(
            customer=self.visitor.customer, language=rows.language_of(self.scope), site_key=self.visitor.site_key
        )
        await self.show(conversation, last_seq=0)

    async def show(self, conversation: Conversation, last_seq: int) -> None:
        self.conversation = conversation
        # Listening comes before reading: what is saved in between arrives twice rather than never.
        await self.move(conversation)
        snapshot = await database_sync_to_async(rows.read_snapshot)(self.visitor.customer, conversation.pk, last_seq)
        await self.put("conversation.snapshot", snapshot)

    async def receive_message(self, request: protocol.SendMessage) -> None:
        conversation = await self.place_of(request)
        if conversation is None:
            await self.put("error", {"code": "no_conversation", "client_id": request.client_id})
            return
        try:
            message = await database_sync_to_async(self._save_message)(conversation, request)
        except (services.MessageRefusedError, outside.BadAttachmentError, FormMissingError) as error:
            await self.put("error", {"code": error.code, "client_id": request.client_id})
        else:
            # Tells the sender itself: a repeated client id has no event, and the event of a new one may get lost.
            await self.put("message.saved", rows.message_saved(message))

    async def request_person(self, conversation: Conversation) -> None:
        if await database_sync_to_async(outside.may_chat)(self.visitor.customer):
            await database_sync_to_async(services.request_person)(conversation=conversation)
        else:
            await self.put("error", refusal(FormMissingError.code))

    def _save_message(self, conversation: Conversation, request: protocol.SendMessage) -> Message:
        # One that was taken before the company asked for a form is confirmed again, not refused.
        if not outside.may_chat(self.visitor.customer) and not is_taken(conversation, request.client_id):
            raise FormMissingError
        return services.receive_message(
            conversation=conversation,
            text=request.text,
            client_id=request.client_id,
            attachments=outside.attachments_of(self.visitor.customer, request.attachment_ids),
        )

    async def place_of(self, request: protocol.SendMessage) -> Conversation | None:
        """Where a message belongs; a message sent again after a switch stays in its own conversation."""
        is_shown = self.conversation is not None and request.conversation_id in (None, self.conversation.pk)
        if is_shown or request.conversation_id is None:
            return await self.chosen_conversation()
        find = database_sync_to_async(rows.find_conversation)
        return await find(self.visitor.customer, request.conversation_id)

    async def chosen_conversation(self, conversation_id: Any = None) -> Any:
        """The one asked for (None when it isn't this customer's), else the one that is shown, else the latest."""
        customer = self.visitor.customer
        if conversation_id is not None:
            return await database_sync_to_async(rows.find_conversation)(customer, conversation_id)
        if self.conversation is None:
            language = rows.language_of(self.scope)
            own = database_sync_to_async(rows.own_conversation)
            self.conversation = await own(customer, language, self.visitor.site_key)
        return self.conversation

    async def has_access(self) -> bool:
        """Whether the session is still valid and the conversation still the customer's; asks the database."""
        self.checked_at = time.monotonic()
        conversation_id = self.conversation.pk if self.conversation else None
        return await database_sync_to_async(rows.has_access)(self.visitor, conversation_id)

    async def may_listen(self) -> bool:
        """The same before an event goes out: asked again only when the last answer is older than ACCESS_RECHECK_S."""
        is_due = time.monotonic() - self.checked_at > settings.ACCESS_RECHECK_S
        return not is_due or await self.has_access()
