"""Runs the tests of the conversation's invariants once more, on a real PostgreSQL in a temporary cluster."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.conftest import missing
from tests.postgresql import server_programs, temporary_server

pytestmark = pytest.mark.postgres


@pytest.fixture
def database_url() -> Iterator[str]:
    if server_programs() is None:
        missing("PostgreSQL's server programs")
    with temporary_server() as url:
        yield url


def test_the_invariants_hold_on_postgresql(database_url):
    tests = ["tests/chatbot/conversations", "tests/chatbot/inbox", "tests/chatbot/insight", "tests/chatbot/knowledge"]
    tests += ["tests/chatbot/review"]
    command = [sys.executable, "-m", "pytest", "-q", *tests]
    run = subprocess.run(
        command, env=os.environ | {"TEST_DATABASE_URL": database_url}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-4000:]
    assert "passed" in run.stdout
