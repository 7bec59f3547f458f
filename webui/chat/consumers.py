"""The chat's socket: requests of one customer in, their conversation's events out.

It parses, asks the services and forwards; it decides nothing about messages or replies. Events may be lost on the way
here, rows never: a browser that (re)connects subscribes with the last seq it has and gets what came after it.
"""

import time
from collections import deque
from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from chatbot.conversations import services
from chatbot.conversations.models import Conversation, Customer, Message
from chatbot.conversations.sessions import customer_of
from chatbot.events import conversation_group
from webui.chat import rows
from webui.outbox import Outbox
from webui.protocol import ProtocolError, SendMessage, Subscribe, parse_frame

CLOSE_NO_SESSION = 4401
CLOSE_ACCESS_REVOKED = 4403
CLOSE_TOO_SLOW = 1013  # "try again later": the browser reconnects and reads rows


class ChatConsumer(AsyncWebsocketConsumer):
    """Frames in: `webui/protocol.py`. Out: `conversation.snapshot`, `error`, the conversation's events."""

    outbox: Outbox
    customer: Customer
    conversation: Conversation | None = None
    checked_at = 0.0
    has_given_up = False

    async def connect(self) -> None:
        await self.accept()  # refusing before this would hide the code from the browser
        self.outbox = Outbox(self.send, max_frames=settings.CHAT_MAX_WAITING_FRAMES)
        self.requested_at: deque[float] = deque(maxlen=settings.CHAT_MAX_REQUESTS)
        self.token = self.scope["cookies"].get(settings.CUSTOMER_SESSION_COOKIE)
        self.checked_at = time.monotonic()
        customer = await database_sync_to_async(customer_of)(self.token)
        if customer is None:
            await self.give_up(CLOSE_NO_SESSION)
        else:
            self.customer = customer

    async def disconnect(self, code: int) -> None:
        await self.outbox.stop()
        if self.conversation is not None:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.has_given_up:
            return
        try:
            request = parse_frame(text_data)
        except ProtocolError as error:
            await self.refuse(error.code, error.client_id)
            return
        if self.is_over_rate():
            await self.refuse("rate_limited", getattr(request, "client_id", ""))
        elif not await self.has_access():
            await self.give_up(CLOSE_ACCESS_REVOKED)
        elif isinstance(request, Subscribe):
            await self.subscribe(request)
        else:
            await self.receive_message(request)

    async def subscribe(self, request: Subscribe) -> None:
        conversation = await self.chosen_conversation()
        # Listening comes before reading: what is saved in between arrives twice rather than never.
        await self.channel_layer.group_add(self.group, self.channel_name)
        snapshot = await database_sync_to_async(rows.read_snapshot)(self.customer, conversation.pk, request.last_seq)
        await self.put("conversation.snapshot", snapshot)

    async def receive_message(self, request: SendMessage) -> None:
        conversation = await self.chosen_conversation()
        try:
            message = await database_sync_to_async(services.receive_message)(
                conversation=conversation, text=request.text, client_id=request.client_id
            )
        except services.MessageRefusedError as error:
            await self.refuse(error.code, request.client_id)
        else:
            await self.confirm(message)

    async def confirm(self, message: Message) -> None:
        """Tells the sender itself: a repeated client id has no event, and the event of a new one may get lost."""
        await self.put("message.saved", rows.message_saved(message))

    async def forward_event(self, envelope: dict[str, Any]) -> None:
        """The channel layer's handler of everything in `chatbot.events`."""
        if self.has_given_up:
            return
        is_check_due = time.monotonic() - self.checked_at > settings.ACCESS_RECHECK_S
        if is_check_due and not await self.has_access():
            await self.give_up(CLOSE_ACCESS_REVOKED)
        else:
            await self.put(envelope["event"], envelope["data"])

    async def has_access(self) -> bool:
        """Whether the session is still valid and the conversation still the customer's; asks the database."""
        self.checked_at = time.monotonic()
        conversation_id = self.conversation.pk if self.conversation else None
        return await database_sync_to_async(rows.has_access)(self.token, self.customer.pk, conversation_id)

    async def chosen_conversation(self) -> Conversation:
        if self.conversation is None:
            language = rows.language_of(self.scope)
            self.conversation = await database_sync_to_async(rows.own_conversation)(self.customer, language)
        return self.conversation

    @property
    def group(self) -> str:
        assert self.conversation is not None
        return conversation_group(str(self.conversation.pk))

    def is_over_rate(self) -> bool:
        now, seen = time.monotonic(), self.requested_at
        if len(seen) == seen.maxlen and now - seen[0] < settings.CHAT_REQUESTS_WINDOW_S:
            return True
        seen.append(now)
        return False

    async def refuse(self, code: str, client_id: str = "") -> None:
        await self.put("error", {"code": code, "client_id": client_id} if client_id else {"code": code})

    async def put(self, name: str, data: dict[str, Any]) -> None:
        if not self.has_given_up and not self.outbox.put({"type": name, "data": data}):
            await self.give_up(CLOSE_TOO_SLOW)

    async def give_up(self, code: int) -> None:
        """Closes the socket; events that are already on their way here find it closed and go nowhere."""
        if self.has_given_up:
            return
        self.has_given_up = True
        await self.outbox.stop()
        await self.close(code)
