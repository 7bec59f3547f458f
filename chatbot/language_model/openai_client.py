"""A bigger model behind an OpenAI-compatible server (vLLM, TGI, a hosted API): chat messages in, text out.

Speaks `POST {url}/chat/completions` with `stream: true` and reads the server-sent events. Knows no conversations and
no Django models. No error and no log line holds the key.
"""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

import httpx2

log = logging.getLogger(__name__)

ErrorCode = Literal[
    "unreachable",
    "timeout",
    "refused_key",
    "not_found",
    "rate_limited",
    "bad_request",
    "server_error",
    "malformed",
    "cut_off",
    "too_long",
]
MAX_RESULT_CHARS = 20_000
_FIRST_PAUSE_S, _MAX_PAUSE_S = 0.25, 5.0
_RETRIED: frozenset[ErrorCode] = frozenset(["unreachable", "rate_limited", "server_error", "cut_off", "malformed"])
_CODES: dict[int, ErrorCode] = {401: "refused_key", 403: "refused_key", 404: "not_found", 429: "rate_limited"}
_DETAIL_CHARS = 300


class ChatMessage(TypedDict):
    role: Literal["system", "user", "assistant"]
    content: str


class BiggerModelError(Exception):
    """The bigger model gave nothing that can be used. `code` is stable; the message says what to look at."""

    def __init__(self, code: ErrorCode, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, kw_only=True)
class OpenAiClient:
    """`url` as of the API's root, `http://host:8001/v1` say. `timeout_s` bounds a request with all its retries.

    Safe to use from several threads at once: each request has a connection of its own.
    """

    url: str
    model: str
    key: str = field(default="", repr=False)
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 20.0
    timeout_s: float = 45.0
    max_retries: int = 2

    def complete(self, messages: Sequence[ChatMessage], *, max_tokens: int = 600, temperature: float = 0.0) -> str:
        """The whole answer, stripped. Tries again what may pass by itself. Raises BiggerModelError."""
        deadline = time.monotonic() + self.timeout_s
        for attempt in range(self.max_retries + 1):
            try:
                pieces = self._stream(messages, max_tokens=max_tokens, temperature=temperature, deadline=deadline)
                return "".join(pieces).strip()
            except BiggerModelError as error:
                pause_s = min(error.retry_after_s or _FIRST_PAUSE_S * 2**attempt, _MAX_PAUSE_S)
                is_last = attempt == self.max_retries or time.monotonic() + pause_s >= deadline
                if is_last or error.code not in _RETRIED:
                    raise
                log.warning("the bigger model: %s; trying again in %.1f s", error, pause_s)
                time.sleep(pause_s)
        raise AssertionError("unreachable: the last attempt returns or raises")

    def stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int = 600, temperature: float = 0.0
    ) -> Iterator[str]:
        """The answer in pieces as they come; closing the iterator ends the request. Never tried again.

        Raises BiggerModelError, after some text too.
        """
        deadline = time.monotonic() + self.timeout_s
        yield from self._stream(messages, max_tokens=max_tokens, temperature=temperature, deadline=deadline)

    def _stream(
        self, messages: Sequence[ChatMessage], *, max_tokens: int, temperature: float, deadline: float
    ) -> Iterator[str]:
        body = {
            "model": self.model,
            "messages": list(messages),
            "max_tokens": max_tokens,
            "temperature": temperature,
            "stream": True,
        }
        with self._translated_errors(), httpx2.Client(timeout=self._timeout()) as client:
            url = f"{self.url.rstrip('/')}/chat/completions"
            with client.stream("POST", url, json=body, headers=self._headers()) as response:
                if response.status_code != httpx2.codes.OK:
                    raise self._refusal(response)
                yield from _pieces(response, deadline)

    def _timeout(self) -> httpx2.Timeout:
        return httpx2.Timeout(self.read_timeout_s, connect=self.connect_timeout_s)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def _refusal(self, response: httpx2.Response) -> BiggerModelError:
        status = response.status_code
        code: ErrorCode = _CODES.get(status) or ("server_error" if status >= 500 else "bad_request")
        detail = self._without_key(_detail_of(response))
        return BiggerModelError(
            code, f"the server answered {status}{': ' + detail if detail else ''}", retry_after_s=_retry_after(response)
        )

    def _without_key(self, text: str) -> str:
        return text.replace(self.key, "[key]") if self.key else text

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """The library's errors by what they mean here; their texts may quote headers, so they are left out."""
        try:
            yield
        except httpx2.ConnectTimeout:
            raise BiggerModelError("unreachable", f"no connection within {self.connect_timeout_s:g} s") from None
        except httpx2.TimeoutException:
            raise BiggerModelError("timeout", f"nothing came for {self.read_timeout_s:g} s") from None
        except (httpx2.RemoteProtocolError, httpx2.ReadError):
            raise BiggerModelError("cut_off", "the connection ended before the answer did") from None
        except httpx2.DecodingError:
            raise BiggerModelError("malformed", "the answer can't be decoded") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
            message = f"no connection to the server ({type(error).__name__}); check KEFU_OPENAI_URL"
            raise BiggerModelError("unreachable", message) from None


def _pieces(response: httpx2.Response, deadline: float) -> Iterator[str]:
    """The text of a stream of `chat.completion.chunk` events, whose end is `[DONE]` or a finish reason."""
    is_finished, num_chars = False, 0
    for line in response.iter_lines():
        if time.monotonic() > deadline:
            raise BiggerModelError("timeout", "the answer took too long")
        if not line.startswith("data:"):
            if line.startswith("{"):  # a server that knows no streaming, or an error in its place
                raise BiggerModelError("malformed", "the server sent no event stream")
            continue  # comments, blank lines, names of events
        data = line[len("data:") :].strip()
        if data == "[DONE]":
            is_finished = True
            break
        text, reason = _chunk(data)
        if reason == "length":
            raise BiggerModelError("too_long", "the answer was longer than allowed")
        is_finished = is_finished or reason is not None
        num_chars += len(text)
        if num_chars > MAX_RESULT_CHARS:
            raise BiggerModelError("too_long", f"the answer has more than {MAX_RESULT_CHARS} characters")
        if text:
            yield text
    if not is_finished:
        raise BiggerModelError("cut_off", "the stream ended before the answer did")


def _chunk(data: str) -> tuple[str, str | None]:
    """The new text of one event and the finish reason, if it is the last."""
    try:
        event = json.loads(data)
        if event.get("error"):
            raise BiggerModelError("server_error", "the server reported an error within its answer")
        if not event["choices"]:  # the last event of some servers: usage only
            return "", None
        choice = event["choices"][0]
        text, reason = choice.get("delta", {}).get("content") or "", choice.get("finish_reason")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise BiggerModelError("malformed", "an event of the answer isn't what the protocol says") from None
    if not isinstance(text, str) or not (reason is None or isinstance(reason, str)):
        raise BiggerModelError("malformed", "an event of the answer isn't what the protocol says")
    return text, reason


def _detail_of(response: httpx2.Response) -> str:
    try:
        answer: Any = json.loads(response.read())
    except (ValueError, httpx2.HTTPError):
        return ""
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    message = error.get("message", "") if isinstance(error, dict) else error
    return " ".join(str(message).split())[:_DETAIL_CHARS]


def _retry_after(response: httpx2.Response) -> float | None:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None
