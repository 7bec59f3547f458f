"""`manage.py up` as a person at a terminal meets it: its refusals in one line, and the whole site in real processes."""

import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.site import ROOT, Site, free_port, running_site, site_environment
from tests.workers.test_supervisor import is_running, wait_until
from workers.check import is_ready

PROCESSES = {"redis", "web", "reply", "analysis", "beat"}


def up(home: Path, port: int, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "up", *arguments],
        cwd=ROOT,
        env=site_environment(home, port) | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def children_of(pid: int) -> dict[int, str]:
    """Pid and command line of each living child."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def child(site: Site, words: str) -> int:
    return next((pid for pid, command in children_of(supervisor_pid(site)).items() if words in command), 0)


def supervisor_pid(site: Site) -> int:
    return int((site.home / "up.lock").read_text())


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as started:
        yield started


def test_a_busy_port_is_one_line_that_names_it_and_the_way_out(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        run = up(tmp_path, port)
    assert run.returncode == 1
    line = f"CommandError: Port {port} is used by another program. Choose another one, for example: PORT={port + 1}"
    assert run.stderr.strip() == f"{line} make run"
    assert run.stdout == ""


def test_a_second_start_in_the_same_home_is_refused_in_one_line(site):
    run = up(site.home, free_port())
    assert run.returncode == 1
    assert run.stderr.strip().splitlines() == [
        f"CommandError: Kefu runs already in {site.home} (process {supervisor_pid(site)}); stop it with Ctrl-C there."
    ]


def test_each_process_runs_and_is_shown_with_its_name(site):
    commands = " ".join(children_of(supervisor_pid(site)).values())
    assert len(children_of(supervisor_pid(site))) == len(PROCESSES)
    for words in ("valkey-server", "webui.asgi", "--queues replies", "--queues analysis", "chatbot.queue"):
        assert words in commands
    assert "reply    | " in site.log.read_text()
    assert "Kefu is ready after" in site.log.read_text()


def test_the_redis_server_wants_its_password_and_only_the_owner_can_read_it(site):
    kept = site.home / "redis.url"
    assert stat.S_IMODE(kept.stat().st_mode) == stat.S_IMODE((site.home / "redis/valkey.conf").stat().st_mode) == 0o600
    assert redis.Redis.from_url(site.redis_url).ping()
    stranger = redis.Redis(port=redis.Redis.from_url(site.redis_url).connection_pool.connection_kwargs["port"])
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()
    assert not any(site.redis_url.split("@")[0][9:] in command for command in all_command_lines())


def all_command_lines() -> list[str]:
    return [command for pid in (1, os.getpid()) for command in children_of(pid).values()]


def test_customers_are_not_left_without_the_web_process_when_it_dies(site):
    first = child(site, "webui.asgi")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: child(site, "webui.asgi") not in (0, first))
    wait_until(lambda: is_ready(site.url), timeout_s=60)


def test_task_threads_leave_no_database_connection_open(site):
    """Beat sends a task every two seconds; each runs in a pool thread with a connection of its own."""
    worker = child(site, "--queues analysis")

    def num_open() -> int:
        links = [str(link.readlink()) for link in Path(f"/proc/{worker}/fd").iterdir() if link.is_symlink()]
        return sum(link.endswith("kefu.sqlite3") for link in links)

    wait_until(lambda: num_open() == 0, timeout_s=30)


def test_ctrl_c_ends_every_process_without_force(site):
    supervisor = supervisor_pid(site)
    pids = list(children_of(supervisor))
    assert len(pids) == len(PROCESSES)
    os.kill(supervisor, signal.SIGINT)
    wait_until(lambda: not is_running(supervisor), timeout_s=20)
    assert not any(map(is_running, pids))
    log = site.log.read_text()
    assert "everything has stopped" in log
    assert "did not stop in time" not in log


def test_a_site_whose_supervisor_is_killed_hard_leaves_no_process(site):
    """In the same home, and while everything is still loading."""
    command = [sys.executable, "manage.py", "up"]
    environment = site_environment(site.home, free_port())
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    wait_until(lambda: len(children_of(process.pid)) == len(PROCESSES), timeout_s=120)
    pids = list(children_of(process.pid))
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(is_running, pids)), timeout_s=5.0)


def test_check_answers_a_question_and_leaves_no_conversation(site):
    run = up(site.home, 0, "--check", KEFU_CHECK_TIMEOUT_S="540")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "question  How much is standard delivery?" in run.stdout
    assert "everything has stopped" in run.stdout
    database = sqlite3.connect(site.home / "kefu.sqlite3")
    (num_left,) = database.execute("SELECT count(*) FROM conversations_conversation WHERE NOT is_demo").fetchone()
    assert num_left == 0


def test_check_says_what_failed_and_shows_the_lines_of_it(tmp_path):
    run = up(tmp_path, 0, "--check", KEFU_CHECKPOINT=str(tmp_path / "no such folder"), DEMO="0")
    assert run.returncode == 3
    assert run.stderr.strip() == "CommandError: check failed: reply ended while the site was starting"
    assert "reply    | the checkpoint can't be loaded" in run.stdout
