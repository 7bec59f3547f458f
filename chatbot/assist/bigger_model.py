"""The bigger model of the settings, and what assist asks of it that has a check: a text that keeps what is locked."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings

from chatbot.language_model.openai_client import BiggerModelError, ChatMessage, OpenAiClient


class RefusedResultError(Exception):
    """The model's text was thrown away. `code`: locked_changed, locked_missing, invented, malformed."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


Failure = (BiggerModelError, RefusedResultError)
Check = Callable[[str], RefusedResultError | None]


def configured_client() -> OpenAiClient | None:
    """None when no server is configured."""
    if not settings.OPENAI_URL:
        return None
    return OpenAiClient(
        url=settings.OPENAI_URL,
        model=settings.OPENAI_MODEL,
        key=settings.OPENAI_KEY,
        connect_timeout_s=settings.OPENAI_CONNECT_TIMEOUT_S,
        read_timeout_s=settings.OPENAI_READ_TIMEOUT_S,
        timeout_s=settings.OPENAI_TIMEOUT_S,
        max_retries=settings.OPENAI_MAX_RETRIES,
    )


def ask_checked(client: OpenAiClient, instructions: str, text: str, check: Check, *, max_tokens: int = 800) -> str:
    """The model's answer if it passes the check, at the second try at the latest; the model is told what was wrong.

    Raises BiggerModelError or RefusedResultError.
    """
    messages: list[ChatMessage] = [
        {"role": "system", "content": instructions},
        {"role": "user", "content": text},
    ]
    answer = client.complete(messages, max_tokens=max_tokens)
    refusal = check(answer)
    if refusal is None:
        return answer
    messages += [
        {"role": "assistant", "content": answer},
        {"role": "user", "content": f"That can't be used ({refusal}). Do it again and mend exactly this."},
    ]
    answer = client.complete(messages, max_tokens=max_tokens)
    refusal = check(answer)
    if refusal is not None:
        raise refusal
    return answer


def json_of(answer: str) -> Any:
    """The JSON in an answer, with or without a code fence around it. Raises RefusedResultError."""
    start = min((at for at in (answer.find("{"), answer.find("[")) if at >= 0), default=-1)
    end = max(answer.rfind("}"), answer.rfind("]"))
    try:
        return json.loads(answer[start : end + 1])
    except ValueError:
        raise RefusedResultError("malformed", "the answer is not the JSON that was asked for") from None


def texts_of(value: Any) -> list[str]:
    """A list of texts. Raises RefusedResultError."""
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise RefusedResultError("malformed", "a list of texts was asked for")
    return [" ".join(one.split()) for one in value if one.strip()]


def listed(tokens: Sequence[str]) -> str:
    return ", ".join(tokens) if tokens else "(none)"
