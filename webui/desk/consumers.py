"""The desk's socket: forwards events, so that an agent's browser knows which partial to fetch again.

Whether somebody may listen is asked at connect and again before an event goes out, once the last answer is older than
ACCESS_RECHECK_S. It asks the session, so a log-out or a new password ends it too. Nothing is read from the browser.
"""

import time
from importlib import import_module
from typing import Any

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings

from chatbot import events
from chatbot.conversations.models import Conversation, is_agent

REFUSED, NOT_FOUND = 4403, 4404


class DeskConsumer(AsyncJsonWebsocketConsumer):
    """Out: {"type": event.name, "data": {...}}: the desk's events, and those of the conversation in the address."""

    groups_joined: tuple[str, ...] = ()
    checked_at = 0.0

    async def connect(self) -> None:
        await self.accept()  # a close before accepting reaches browsers as a bare 1006
        conversation_id = self.scope["url_route"]["kwargs"].get("conversation_id")
        if not await self._may_listen():
            await self.close(REFUSED)
        elif conversation_id and not await Conversation.objects.filter(pk=conversation_id).aexists():
            await self.close(NOT_FOUND)
        else:
            await self._join(conversation_id)
            await self.send_json({"type": "desk.joined", "data": {}})

    async def disconnect(self, code: int) -> None:
        for group in self.groups_joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """The desk writes through HTTP; what a browser sends here is ignored."""

    async def forward_event(self, envelope: dict[str, Any]) -> None:
        """The channel layer's handler of everything in `chatbot.events`."""
        if time.monotonic() - self.checked_at > settings.ACCESS_RECHECK_S and not await self._may_listen():
            await self.close(REFUSED)
            return
        await self.send_json({"type": envelope["event"], "data": envelope["data"]})

    async def _join(self, conversation_id: object) -> None:
        opened = (events.conversation_group(str(conversation_id)),) if conversation_id else ()
        self.groups_joined = (events.DESK_GROUP, *opened)
        for group in self.groups_joined:
            await self.channel_layer.group_add(group, self.channel_name)

    async def _may_listen(self) -> bool:
        """Asks the session afresh: the user of the connection is kept in memory and never changes."""
        self.checked_at = time.monotonic()
        session_store = import_module(settings.SESSION_ENGINE).SessionStore
        user = await get_user({"session": session_store(self.scope["session"].session_key)})
        return await database_sync_to_async(is_agent)(user)
