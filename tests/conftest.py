"""Fixtures that every part of the suite shares. The servers are started by `tests.servers`."""

import os

import pytest

from chatbot import events, queue
from chatbot.conversations import services
from chatbot.conversations.models import Conversation, Customer

IS_CI = os.environ.get("CI") == "true"


def missing(what: str) -> None:
    """A part of the machine that a test needs is missing: a failure in CI, a loud skip elsewhere."""
    if IS_CI:
        pytest.fail(f"{what} is missing, and CI must have it")
    pytest.skip(f"NOT TESTED: {what} is missing")


@pytest.fixture
def conversation(db) -> Conversation:
    return services.current_conversation(customer=Customer.objects.create())


@pytest.fixture
def published(monkeypatch) -> list[events.Event]:
    """What would have gone to browsers, in order."""
    sent: list[events.Event] = []
    monkeypatch.setattr(events, "publish", sent.append)
    return sent


@pytest.fixture
def enqueued(monkeypatch) -> list[tuple]:
    """The tasks that would have been queued, in order."""
    tasks: list[tuple] = []
    monkeypatch.setattr(queue, "enqueue", lambda name, *args: tasks.append((name, *args)))
    return tasks
