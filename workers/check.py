"""Asks a running site one question as a customer's browser would: page, cookie, WebSocket, streamed reply."""

import json
import time
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from chatbot.company import services as company
from chatbot.conversations.models import Customer
from chatbot.conversations.services import current_conversation
from chatbot.conversations.sessions import customer_of

_REPLY_TIMEOUT_S = 60.0
_SESSION_S = 3600
_QUESTION = "How much is standard delivery?"
_QUESTION_WITHOUT_DEMO = "Hello"
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy the environment names


class CheckFailedError(Exception):
    """The site did not answer as it should; the message says at which step."""


@dataclass(frozen=True, kw_only=True)
class Answered:
    question: str
    text: str
    action: str
    num_deltas: int
    seconds: float


def is_ready(base_url: str) -> bool:
    """True once `/readyz` says that a question would be answered."""
    try:
        with _direct.open(f"{base_url}/readyz", timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def ask_one_question(base_url: str) -> Answered:
    """A new customer's question and its reply; the conversation is deleted again. Raises CheckFailedError."""
    question = _QUESTION if settings.DEMO else _QUESTION_WITHOUT_DEMO
    token = _new_session(base_url)
    try:
        _fill_in_form(token)
        return _ask(base_url, token, question)
    except (WebSocketException, OSError) as error:
        raise CheckFailedError(f"the WebSocket failed: {error or type(error).__name__}") from error
    finally:
        if customer := customer_of(token, max_age_s=_SESSION_S):
            Customer.objects.filter(pk=customer.pk).delete()


def _new_session(base_url: str) -> str:
    try:
        with _direct.open(f"{base_url}/chat/", timeout=10) as page:
            cookies = page.headers.get_all("Set-Cookie") or []
    except (urllib.error.URLError, OSError) as error:
        raise CheckFailedError(f"the page /chat/ failed: {error}") from error
    prefix = f"{settings.CUSTOMER_SESSION_COOKIE}="
    found: list[str] = [cookie.split(";")[0].removeprefix(prefix) for cookie in cookies if cookie.startswith(prefix)]
    if not found:
        raise CheckFailedError("the page /chat/ set no customer's cookie")
    return found[0].strip('"')


def _fill_in_form(token: str) -> None:
    """Where the company requires a form before the chat; it is deleted again with its customer."""
    customer = customer_of(token, max_age_s=_SESSION_S)
    if customer and not company.may_chat(company.get_settings(), customer):
        conversation = current_conversation(customer=customer)
        values = {"name": "Check", "email": "check@example.com", "order_number": "0"}
        company.submit_form(conversation=conversation, has_consented=True, **values)


def _ask(base_url: str, token: str, question: str) -> Answered:
    url = base_url.replace("http", "ws", 1) + "/ws/chat/"
    headers = {"Cookie": f"{settings.CUSTOMER_SESSION_COOKIE}={token}"}
    with connect(url, additional_headers=headers, origin=Origin(base_url), open_timeout=10, proxy=None) as socket:
        _send(socket, {"type": "conversation.subscribe", "last_seq": 0})
        started = time.monotonic()
        _send(socket, {"type": "message.send", "client_id": uuid.uuid4().hex, "text": question})
        num_deltas, message = _wait_for_reply(socket, started + _REPLY_TIMEOUT_S)
    if message["degraded"]:
        raise CheckFailedError(f"the reply was degraded ({message['degraded']}): {message['text']}")
    return Answered(
        question=question,
        text=message["text"],
        action=message["action"],
        num_deltas=num_deltas,
        seconds=time.monotonic() - started,
    )


def _wait_for_reply(socket: ClientConnection, deadline: float) -> tuple[int, dict[str, Any]]:
    num_deltas = 0
    while (left_s := deadline - time.monotonic()) > 0:
        try:
            frame = json.loads(socket.recv(timeout=left_s))
        except TimeoutError:
            break
        if frame["type"] == "reply.delta":
            num_deltas += 1
        if frame["type"] == "error":
            raise CheckFailedError(f"the question was refused: {frame['data']}")
        if frame["type"] == "reply.finished":
            return num_deltas, frame["data"]["message"]
    raise CheckFailedError(f"no reply came within {_REPLY_TIMEOUT_S:.0f} s")


def _send(socket: ClientConnection, frame: dict[str, object]) -> None:
    socket.send(json.dumps(frame))
