"""Frames on their way to one browser: in order, and only so many.

The channel layer queues without a bound, so a consumer must never wait for a slow browser: it puts frames here, and
gives the browser up when there is no room. Knows no channels and no conversations.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any


class Outbox:
    """Sends frames through `send`, one after the other, from a task of its own. Make it inside a running loop."""

    def __init__(self, send: Callable[[str], Awaitable[None]], *, max_frames: int) -> None:
        self._send = send
        self._frames: asyncio.Queue[str] = asyncio.Queue(max_frames)
        self._task = asyncio.create_task(self._send_all())

    def put(self, frame: Mapping[str, Any]) -> bool:
        """Queues a frame. False: the browser is too slow, and the frame was not taken."""
        try:
            self._frames.put_nowait(json.dumps(frame, ensure_ascii=False))
        except asyncio.QueueFull:
            return False
        return True

    async def stop(self) -> None:
        """Drops what is queued and sends nothing more. Safe to call twice."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _send_all(self) -> None:
        while True:
            await self._send(await self._frames.get())
