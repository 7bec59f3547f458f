"""The desk's socket: forwards events, and keeps who looks at and who types in a conversation.

Whether somebody may listen or speak is asked at connect and again, once the last answer is older than
ACCESS_RECHECK_S, before an event goes out and before a frame is taken. It asks the session, so a log-out or a new
password ends it too. Rows are written through HTTP only: frames change nothing but presence, which is forgotten by
itself.
"""

import time
from dataclasses import asdict
from importlib import import_module
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.contrib.auth.models import User

from chatbot import events
from chatbot.conversations.models import Conversation, agent_display_name, is_agent
from chatbot.inbox import presence
from webui.desk.frames import FrameError, Looking, parse_frame

REFUSED, NOT_FOUND = 4403, 4404


class DeskConsumer(AsyncJsonWebsocketConsumer):
    """In: `presence.looking`, `presence.typing`. Out: {"type": event.name, "data": {...}}."""

    groups_joined: tuple[str, ...] = ()
    checked_at = 0.0
    agent: User | None = None
    looking_at = ""
    spoke_at = 0.0
    num_spoken = 0

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
        if self.looking_at and self.agent:
            await self._leave()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **kwargs: Any) -> None:
        """Takes a frame that is right and comes at a human's pace; anything else is ignored."""
        try:
            frame = parse_frame(text_data)
        except FrameError:
            return
        if not self._is_slow_enough():
            return
        if not await self._may_still_listen():
            await self.close(REFUSED)
        elif isinstance(frame, Looking):
            await self._look(frame.conversation_id)
        elif await self._is_visible(frame.conversation_id):
            await self._type(str(frame.conversation_id), is_typing=frame.is_typing)

    async def forward_event(self, envelope: dict[str, Any]) -> None:
        """The channel layer's handler of everything in `chatbot.events`."""
        if not await self._may_still_listen():
            await self.close(REFUSED)
            return
        await self.send_json({"type": envelope["event"], "data": envelope["data"]})

    async def _look(self, conversation_id: UUID | None) -> None:
        if self.agent is None:
            return
        await _in_thread(presence.be_online)(agent=self.agent)
        if self.looking_at and self.looking_at != str(conversation_id):
            await self._leave()
        if conversation_id is None or not await self._is_visible(conversation_id):
            return
        self.looking_at = str(conversation_id)
        await _in_thread(presence.look)(conversation_id=self.looking_at, agent=self.agent)
        await _publish_people(self.looking_at)

    async def _leave(self) -> None:
        left, self.looking_at = self.looking_at, ""
        await _in_thread(presence.leave)(conversation_id=left, agent=self.agent)
        await _publish_people(left)

    async def _type(self, conversation_id: str, *, is_typing: bool) -> None:
        if self.agent is None:
            return
        await _in_thread(presence.type_in)(conversation_id=conversation_id, agent=self.agent, is_typing=is_typing)
        await _publish_people(conversation_id)
        name = agent_display_name(self.agent)
        events.publish(
            events.Typing(conversation_id=conversation_id, author="agent", agent_name=name, is_typing=is_typing)
        )

    async def _is_visible(self, conversation_id: UUID) -> bool:
        find = Conversation.objects.visible_to
        return await database_sync_to_async(lambda: find(self.agent).filter(pk=conversation_id).exists())()

    def _is_slow_enough(self) -> bool:
        now = time.monotonic()
        if now - self.spoke_at > settings.CHAT_REQUESTS_WINDOW_S:
            self.spoke_at, self.num_spoken = now, 0
        self.num_spoken += 1
        return self.num_spoken <= settings.CHAT_MAX_REQUESTS

    async def _join(self, conversation_id: object) -> None:
        opened = (events.conversation_group(str(conversation_id)),) if conversation_id else ()
        self.groups_joined = (events.DESK_GROUP, *opened)
        for group in self.groups_joined:
            await self.channel_layer.group_add(group, self.channel_name)

    async def _may_still_listen(self) -> bool:
        return time.monotonic() - self.checked_at <= settings.ACCESS_RECHECK_S or await self._may_listen()

    async def _may_listen(self) -> bool:
        """Asks the session afresh: the user of the connection is kept in memory and never changes."""
        self.checked_at = time.monotonic()
        session_store = import_module(settings.SESSION_ENGINE).SessionStore
        user = await get_user({"session": session_store(self.scope["session"].session_key)})
        may = await database_sync_to_async(is_agent)(user)
        self.agent = user if may else self.agent
        return may


def _in_thread(work: Any) -> Any:
    return sync_to_async(work, thread_sensitive=False)  # Redis is waited for beside the event loop


async def _publish_people(conversation_id: str) -> None:
    people = (await _in_thread(presence.people_at)([conversation_id]))[conversation_id]
    known = [{**asdict(person), "initials": person.initials} for person in people]
    events.publish(events.PresenceChanged(conversation_id=conversation_id, people=known))
