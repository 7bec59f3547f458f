"""The supervisor with real processes: what it restarts, what it ends, and what ends without it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class TinySite:
    def __init__(self, folder: Path, *names: str) -> None:
        self.folder = folder
        self.names = names
        self.log = folder / "log"
        with self.log.open("wb") as output:
            command = [sys.executable, "-m", "tests.workers.tiny_site", str(folder), *names]
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT)

    def pid(self, name: str) -> int:
        wait_until(lambda: (self.folder / f"{name}.pid").exists() and (self.folder / f"{name}.pid").read_text() != "")
        return int((self.folder / f"{name}.pid").read_text())

    def pids(self) -> list[int]:
        return [self.pid(name) for name in self.names]


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., TinySite]]:
    sites: list[TinySite] = []

    def start_one(*names: str) -> TinySite:
        sites.append(TinySite(tmp_path, *names))
        return sites[-1]

    yield start_one
    for site in sites:
        site.process.kill()
        site.process.wait()


def wait_until(is_true: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_killed_child_is_started_again(start):
    site = start("worker", "front")
    worker, front = site.pid("worker"), site.pid("front")
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: site.pid("worker") != worker)
    assert is_running(site.pid("worker"))
    assert site.pid("front") == front
    assert "worker | was ended by SIGKILL; starting again in 1 s" in site.log.read_text()


def test_each_failure_in_a_row_doubles_the_wait(start):
    site = start("doomed")
    wait_until(lambda: "starting again in 4 s" in site.log.read_text())
    waits = [line.split()[-2] for line in site.log.read_text().splitlines() if "starting again" in line]
    assert waits == ["1", "2", "4"]
    assert "doomed | nothing works" in site.log.read_text()


def test_a_supervisor_that_is_killed_hard_takes_every_child_with_it(start):
    site = start("store", "front", "worker", "deaf")
    pids = site.pids()
    site.process.kill()
    wait_until(lambda: not any(map(is_running, pids)), timeout_s=5.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_the_front_first_and_the_store_last(start, number):
    site = start("store", "front", "worker")
    pids = site.pids()
    site.process.send_signal(number)
    assert site.process.wait(10) == 0
    assert not any(map(is_running, pids))
    assert (site.folder / "stopped").read_text().split() == ["front", "worker", "store"]


def test_a_child_that_does_not_listen_is_killed_after_its_time(start):
    site = start("store", "deaf")
    pids = site.pids()
    site.process.send_signal(signal.SIGINT)
    assert site.process.wait(10) == 0
    assert not any(map(is_running, pids))
    assert "deaf | did not stop in time and is killed" in site.log.read_text()


def test_what_a_dead_child_left_behind_is_ended_too(start):
    site = start("parent")
    parent, grandchild = site.pid("parent"), site.pid("grandchild")
    os.kill(parent, signal.SIGKILL)
    wait_until(lambda: not is_running(grandchild))


def test_a_second_signal_does_not_wait_for_those_who_do_not_listen(start):
    site = start("deaf")
    pid = site.pid("deaf")
    site.process.send_signal(signal.SIGINT)
    time.sleep(0.15)  # the loop looks every 0.1 s; two signals at once would be one
    site.process.send_signal(signal.SIGINT)
    started = time.monotonic()
    site.process.wait(10)
    assert time.monotonic() - started < 0.8  # the deaf one's time is 1 s
    assert not is_running(pid)
