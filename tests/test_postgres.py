"""Runs the tests of the conversation's invariants once more, on a real PostgreSQL in a temporary cluster."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import missing

pytestmark = pytest.mark.postgres


def server_programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@pytest.fixture
def database_url() -> Iterator[str]:
    programs = server_programs()
    if programs is None:
        missing("PostgreSQL's server programs")
    folder = Path(tempfile.mkdtemp(prefix="kefu-pg-"))
    # initdb refuses root
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_postgres:
        shutil.chown(folder, "postgres", "postgres")

    def run(*command: str) -> None:
        subprocess.run([*as_postgres, *command], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=60)

    cluster = str(folder / "cluster")
    run(f"{programs}/initdb", "-D", cluster, "-A", "trust", "-U", "postgres", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run(f"{programs}/pg_ctl", "-D", cluster, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        yield f"postgres://postgres@/postgres?host={folder}"
    finally:
        run(f"{programs}/pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def test_the_invariants_hold_on_postgresql(database_url):
    tests = ["tests/chatbot/conversations", "tests/chatbot/inbox", "tests/chatbot/insight", "tests/chatbot/knowledge"]
    command = [sys.executable, "-m", "pytest", "-q", *tests]
    run = subprocess.run(
        command, env=os.environ | {"TEST_DATABASE_URL": database_url}, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout[-4000:]
    assert "passed" in run.stdout
