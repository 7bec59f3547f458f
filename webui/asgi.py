"""The door of the site for the ASGI server: HTTP to Django, WebSockets to the chat's and the desk's consumers.

Run by `uvicorn webui.asgi:application`. A WebSocket from another site's page is refused by its Origin header,
unless a key lets that site embed the chat: then it may open the chat's socket, and no other.
"""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
http = get_asgi_application()  # loads the apps, which the consumers' imports need

from webui.chat.consumers import ChatConsumer  # noqa: E402
from webui.desk.consumers import DeskConsumer  # noqa: E402
from webui.embed.origins import EmbedOriginValidator  # noqa: E402

websocket_urls = [
    path("ws/chat/", ChatConsumer.as_asgi()),
    path("ws/desk/", DeskConsumer.as_asgi()),
    path("ws/desk/<uuid:conversation_id>/", DeskConsumer.as_asgi()),
]
application = ProtocolTypeRouter(
    {"http": http, "websocket": EmbedOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urls)))}
)
