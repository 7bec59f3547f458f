"""The reply worker's engine host. The model's place is taken by one that says when it is alive; Redis is real."""

import os
import threading
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chatbot import queue
from chatbot.engine import EngineStats
from chatbot.engine.metrics import Metrics
from chatbot.language_model.backends import get_generator, set_generator, start_local_generator
from tests.tiny import make_checkpoint
from tests.workers.test_supervisor import wait_until
from workers import engine_host


class Model:
    version = "a-model@1"
    is_alive = True

    def stats(self) -> EngineStats:
        return Metrics().stats(num_waiting=3, num_active=0, cached_tokens=0, cache_bytes=0)


@pytest.fixture
def model(monkeypatch, settings, db):
    settings.WORKER_HEARTBEAT_S = 0.05
    model = Model()
    queue.choose_model("")
    monkeypatch.setattr(engine_host, "start_local_generator", lambda *_, **__: model)
    monkeypatch.setattr(engine_host, "_LAST_WORDS_S", 0.0)
    yield model
    set_generator(None)


@pytest.fixture
def exits(monkeypatch) -> list[int]:
    """The statuses with which the process would have ended."""
    seen: list[int] = []
    monkeypatch.setattr(engine_host.os, "_exit", seen.append)
    return seen


def my_reports() -> list[dict[str, object]]:
    return [report for report in queue.ready_workers("reply") if report["pid"] == os.getpid()]


def test_a_worker_whose_model_is_warm_is_ready_under_its_model_version(model, exits):
    engine_host.host_engine()
    wait_until(lambda: my_reports() != [])
    assert my_reports()[0]["model_version"] == "a-model@1"
    assert my_reports()[0]["num_waiting"] == 3
    assert get_generator() is model
    assert exits == []
    model.is_alive = False
    wait_until(lambda: exits != [])


def test_a_worker_whose_model_thread_died_ends_with_a_failure(model, exits):
    engine_host.host_engine()
    model.is_alive = False
    wait_until(lambda: exits == [engine_host.EXIT_ENGINE_DIED])
    assert engine_host.EXIT_ENGINE_DIED != 0
    wait_until(lambda: not any(thread.name == "heartbeat" for thread in threading.enumerate()))


def test_another_model_takes_over_without_a_restart_and_a_bad_one_changes_nothing(model, exits, monkeypatch, tmp_path):
    tiny = str(make_checkpoint(tmp_path / "tiny"))
    engine_host.host_engine()
    wait_until(lambda: my_reports() != [])
    monkeypatch.setattr(engine_host, "start_local_generator", start_local_generator)
    call_command("use_model", tiny, stdout=(out := StringIO()))
    other = get_generator()
    assert out.getvalue() == f"every reply worker answers with {other.version}\n"
    assert other.version.startswith("tiny-")
    assert my_reports()[0]["model_version"] == other.version
    with pytest.raises(CommandError, match="does not exist"):
        call_command("use_model", str(tmp_path / "nothing"))
    queue.choose_model(str(tmp_path / "nothing"))  # as if its folder had gone since
    wait_until(lambda: "does not exist" in str(my_reports()[0]["model_error"]))
    assert get_generator() is other
    other.stop()
    wait_until(lambda: exits != [])
    wait_until(lambda: not any(thread.name == "model-choice" for thread in threading.enumerate()))
    queue.choose_model("")  # with nobody left to follow: it would load the embedded model and keep it to the end
