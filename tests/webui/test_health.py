"""`/healthz` and `/readyz`, as a load balancer sees them."""

import pytest
import redis
from django.db import DatabaseError, connection
from django.test import Client

from chatbot import queue


@pytest.fixture(autouse=True)
def no_workers():
    client = queue.redis_client()
    for key in client.scan_iter("kefu:worker:*"):
        client.delete(key)
    yield
    for key in client.scan_iter("kefu:worker:*"):
        client.delete(key)


def test_the_process_is_healthy_even_without_a_database_or_redis(client: Client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"  # pytest-django refuses the database to this test
    assert client.get("/healthz").status_code == 200


def test_ready_once_a_reply_worker_says_that_it_is_warm(client: Client, db):
    queue.report_ready("reply", "w1", {"pid": 1})
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "missing": []})


def test_not_ready_without_a_reply_worker_and_it_says_so(client: Client, db):
    queue.report_ready("analysis", "w1", {"pid": 1})
    response = client.get("/readyz")
    assert (response.status_code, response.json()["missing"]) == (503, ["reply worker"])


def test_not_ready_when_redis_does_not_answer(client: Client, db, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz")
    assert (response.status_code, response.json()["missing"]) == (503, ["redis", "reply worker"])


def test_not_ready_when_the_database_does_not_answer(client: Client, db, monkeypatch):
    def refuse(*args):
        raise DatabaseError("gone")

    queue.report_ready("reply", "w1", {"pid": 1})
    with monkeypatch.context() as broken:
        broken.setattr(connection, "cursor", refuse)
        response = client.get("/readyz")
    assert (response.status_code, response.json()["missing"]) == (503, ["database"])


def test_answers_are_never_cached(client: Client, db):
    assert "no-store" in client.get("/readyz").headers["Cache-Control"]


def test_a_password_in_the_address_of_redis_is_never_shown(client: Client, db, settings):
    settings.REDIS_URL = "redis://:hunter2@127.0.0.1:1/0"
    with pytest.raises(redis.RedisError):
        queue.ready_workers("reply")
    assert b"hunter2" not in client.get("/readyz").content
