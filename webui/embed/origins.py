"""Which pages may open which socket: our own all of them, an embedding site's pages the chat's only."""

from collections.abc import Awaitable, Callable
from typing import Any

from channels.db import database_sync_to_async
from channels.security.websocket import WebsocketDenier

from chatbot.sites.services import is_known_origin
from webui.chat.access import bearer_token, is_own_page

CHAT_SOCKET = "/ws/chat/"
App = Callable[[dict[str, Any], Any, Any], Awaitable[Any]]


class EmbedOriginValidator:
    """Denies a WebSocket before the handshake when its page has no business here.

    The token itself, with its key and origin, is checked by the chat at connect and again while the socket is open.
    """

    def __init__(self, application: App) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        if await self._may_open(scope):
            return await self.application(scope, receive, send)
        return await WebsocketDenier()(scope, receive, send)

    async def _may_open(self, scope: dict[str, Any]) -> bool:
        origin = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"origin"), "")
        if origin and is_own_page(scope):
            return True
        if scope["path"] != CHAT_SOCKET or bearer_token(scope) is None:
            return False
        return await database_sync_to_async(is_known_origin)(origin)
