"""The chat's socket: requests of one customer in, their conversation's events out.

What requests do is in `conduct.py`; this file knows the socket: accept, limits, forward, close. Events may be lost on
the way here, rows never: a browser that (re)connects subscribes with the last seq it has and gets what came after it.
"""

from typing import Any

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings

from chatbot.conversations.models import Conversation
from chatbot.events import conversation_group
from webui.chat.access import SUBPROTOCOL, visitor_of
from webui.chat.conduct import CLOSE_ACCESS_REVOKED, Conduct, refusal
from webui.outbox import Outbox
from webui.protocol import ProtocolError, parse_frame

CLOSE_NO_SESSION = 4401
CLOSE_TOO_SLOW = 1013  # "try again later": the browser reconnects and reads rows


class ChatConsumer(AsyncWebsocketConsumer):
    """Frames in: `webui/protocol.py`. Out: what `Conduct` answers, `error`, and the conversation's events."""

    outbox: Outbox
    conduct: Conduct
    group: str = ""
    has_given_up = False

    async def connect(self) -> None:
        offered = self.scope.get("subprotocols", [])
        # refusing before this would hide the code from the browser
        await self.accept(subprotocol=SUBPROTOCOL if SUBPROTOCOL in offered else None)
        self.outbox = Outbox(self.send, max_frames=settings.CHAT_MAX_WAITING_FRAMES)
        visitor = await database_sync_to_async(visitor_of)(self.scope)
        if visitor is None:
            await self.give_up(CLOSE_NO_SESSION)
        else:
            self.conduct = Conduct(visitor=visitor, scope=self.scope, put=self.put, move=self.listen_to)

    async def disconnect(self, code: int) -> None:
        await self.outbox.stop()
        if self.group:
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.has_given_up:
            return
        try:
            request = parse_frame(text_data)
        except ProtocolError as error:
            await self.refuse(error.code, error.client_id)
            return
        if self.conduct.limiter.is_over(request):
            await self.refuse("rate_limited", getattr(request, "client_id", ""))
        elif not await self.conduct.has_access():
            await self.give_up(CLOSE_ACCESS_REVOKED)
        else:
            await self.conduct.carry_out(request)

    async def listen_to(self, conversation: Conversation) -> None:
        """Events of this conversation from now on, and of no other."""
        group = conversation_group(str(conversation.pk))
        if self.group and self.group != group:
            await self.channel_layer.group_discard(self.group, self.channel_name)
        self.group = group
        await self.channel_layer.group_add(group, self.channel_name)

    async def forward_event(self, envelope: dict[str, Any]) -> None:
        """The channel layer's handler of everything in `chatbot.events`."""
        if self.has_given_up:
            return
        if await self.conduct.may_listen():
            await self.put(envelope["event"], envelope["data"])
        else:
            await self.give_up(CLOSE_ACCESS_REVOKED)

    async def refuse(self, code: str, client_id: str = "") -> None:
        await self.put("error", refusal(code, client_id))

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
