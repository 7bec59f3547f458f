"""The chat without a WebSocket: server-sent events out, POSTs of the same frames in. Same parser, same conduct, same
limits as the socket (`consumers.py`).

A stream listens to its conversation's group in the channel layer; a POST carries one frame and is answered with the
frames that the socket would have sent back. Neither keeps anything between requests, so any web process may take them.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from chatbot.conversations.models import Conversation
from chatbot.events import conversation_group
from webui.chat.access import Visitor, bearer_token, scope_of, visitor_of_request
from webui.chat.conduct import CLOSE_ACCESS_REVOKED, Conduct, Limiter, refusal
from webui.outbox import Outbox
from webui.protocol import FRAME_MAX_CHARS, ProtocolError, Subscribe, parse_frame

_MAX_LIMITERS = 10_000


@require_GET
async def stream(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """The snapshot of a conversation, then its events; parameters as in a subscribe, and `language`."""
    visitor = await database_sync_to_async(visitor_of_request)(request)
    if visitor is None:
        return HttpResponse(status=401)
    try:
        subscription = parse_frame(json.dumps(_subscription(request)))
    except (ProtocolError, ValueError):
        return HttpResponse(status=400)
    assert isinstance(subscription, Subscribe)
    response = StreamingHttpResponse(
        _Stream(visitor, scope_of(request)).frames(subscription), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx would keep events back until its buffer is full
    return response


@csrf_exempt  # the origin is checked below: a token has no cookie to forge with, and needs no second secret
@require_POST
async def frames(request: HttpRequest) -> HttpResponse:
    """One frame in, the answering frames out: {"frames": [...]}."""
    if not _is_own_origin(request) or request.content_type != "application/json":
        return HttpResponse(status=403)
    visitor = await database_sync_to_async(visitor_of_request)(request)
    if visitor is None:
        return HttpResponse(status=401)
    if len(request.body) > 4 * FRAME_MAX_CHARS:
        return HttpResponse(status=413)
    return JsonResponse({"frames": await _answer(visitor, request)})


async def _answer(visitor: Visitor, request: HttpRequest) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []

    async def put(name: str, data: dict[str, Any]) -> None:
        answers.append({"type": name, "data": data})

    async def stay(conversation: Conversation) -> None:
        """The stream moves, not the POST."""

    try:
        text = request.body.decode()
        asked = parse_frame(text)
    except UnicodeDecodeError:
        await put("error", {"code": "bad_frame"})
        return answers
    except ProtocolError as error:
        await put("error", refusal(error.code, error.client_id))
        return answers
    conduct = Conduct(visitor=visitor, scope=scope_of(request), put=put, move=stay)
    shown = json.loads(text).get("conversation_id")
    if shown is not None and not isinstance(asked, Subscribe):
        conduct.conversation = await conduct.chosen_conversation(_uuid(shown))
    if _limiter_of(visitor).is_over(asked):
        await put("error", refusal("rate_limited", getattr(asked, "client_id", "")))
    else:
        await conduct.carry_out(asked)
    return answers


class _Stream:
    """One open stream: a channel of its own, listening to one conversation."""

    def __init__(self, visitor: Visitor, scope: dict[str, Any]) -> None:
        self.layer = get_channel_layer()
        self.conduct = Conduct(visitor=visitor, scope=scope, put=self.put, move=self.listen_to)
        self.ready: asyncio.Queue[str] = asyncio.Queue(1)  # the outbox waits here for the browser, so its limit counts
        self.group = ""
        self.channel = ""

    async def frames(self, subscription: Subscribe) -> AsyncIterator[str]:
        self.outbox = Outbox(self.ready.put, max_frames=settings.CHAT_MAX_WAITING_FRAMES)
        self.channel = await self.layer.new_channel()
        forwarding: asyncio.Task[None] | None = None
        try:
            await self.conduct.carry_out(subscription)
            forwarding = asyncio.create_task(self._forward())
            while True:
                try:
                    frame = await asyncio.wait_for(self.ready.get(), settings.CHAT_STREAM_BEAT_S)
                except TimeoutError:
                    yield ": beat\n\n"
                    continue
                if not frame:
                    return
                yield f"data: {frame}\n\n"
                if frame.startswith('{"type": "closed"'):
                    return
        finally:
            if forwarding is not None:
                forwarding.cancel()
            await self.outbox.stop()
            if self.group:
                await self.layer.group_discard(self.group, self.channel)

    async def _forward(self) -> None:
        while True:
            envelope = await self.layer.receive(self.channel)
            if not await self.conduct.may_listen():
                await self.put("closed", {"code": CLOSE_ACCESS_REVOKED})
                return
            await self.put(envelope["event"], envelope["data"])

    async def put(self, name: str, data: dict[str, Any]) -> None:
        if not self.outbox.put({"type": name, "data": data}):
            await self.outbox.stop()  # too slow: the stream ends, and the browser catches up from rows
            await self.ready.put("")

    async def listen_to(self, conversation: Conversation) -> None:
        self.group = conversation_group(str(conversation.pk))
        await self.layer.group_add(self.group, self.channel)


_limiters: dict[UUID, Limiter] = {}


def _limiter_of(visitor: Visitor) -> Limiter:
    """POSTs have no socket to count on: one limiter per customer in this process, the oldest forgotten first."""
    limiter = _limiters.pop(visitor.customer.pk, None) or Limiter()
    while len(_limiters) >= _MAX_LIMITERS:
        _limiters.pop(next(iter(_limiters)))
    _limiters[visitor.customer.pk] = limiter
    return limiter


def _subscription(request: HttpRequest) -> dict[str, Any]:
    given = {name: request.GET[name] for name in ("conversation_id", "language") if request.GET.get(name)}
    return {"type": "conversation.subscribe", "last_seq": int(request.GET.get("last_seq", "0"))} | given


def _is_own_origin(request: HttpRequest) -> bool:
    """A page of another site can't post with the customer's cookie; with a token there is nothing to steal."""
    if bearer_token(scope_of(request)) is not None:
        return True
    origin = request.headers.get("Origin", "")
    return origin.partition("://")[2] == request.get_host()


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None
