"""Keeps a list of processes running: starts them in order, restarts what dies, stops all of them in order.

Knows no Django and nothing about what the processes do. One thread does everything but the reading of lines; the
loop only looks at the clock, so a signal handler has nothing to do but to set a flag.
"""

import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from types import FrameType

from workers.child_process import ChildProcess, ProcessSpec, kept_lines

LONGEST_BACKOFF_S = 30.0
HEALTHY_AFTER_S = 60.0
_LOOK_EVERY_S = 0.1
_UP_TIMEOUT_S = 20.0


class _Place:
    """A process's place in the table: the child that fills it now, and when the next one may."""

    def __init__(self, spec: ProcessSpec) -> None:
        self.spec = spec
        self.child: ChildProcess | None = None
        self.lines: deque[str] = kept_lines()
        self.num_failures = 0
        self.start_at = 0.0


class Supervisor:
    """Runs `specs` until `request_stop`, SIGINT, SIGTERM or SIGHUP. `show_line(name, line)` is called from threads."""

    def __init__(self, specs: Sequence[ProcessSpec], show_line: Callable[[str, str], None]) -> None:
        self.names = [spec.name for spec in specs]
        self._places = [_Place(spec) for spec in specs]
        self._show_line = show_line
        self._num_stop_requests = 0

    def run(self, on_started: Callable[[], None] = lambda: None) -> None:
        """Blocks until everything has stopped. `on_started` is called once each process was started."""
        previous = {number: signal.signal(number, self._on_signal) for number in _stop_signals()}
        try:
            self._start_all()
            on_started()
            while not self._num_stop_requests:
                for place in self._places:
                    self._look_after(place)
                time.sleep(_LOOK_EVERY_S)
        finally:
            self._stop_all()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def request_stop(self) -> None:
        """Safe from any thread and from a signal handler. A second request doesn't wait any longer."""
        self._num_stop_requests += 1

    def last_lines(self, name: str, num: int = 20) -> list[str]:
        return [line for place in self._places if place.spec.name == name for line in place.lines][-num:]

    def failing(self) -> list[str]:
        """The names of processes that ended by themselves and haven't run for long since."""
        return [place.spec.name for place in self._places if place.num_failures]

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.request_stop()

    def _start_all(self) -> None:
        for place in self._places:
            self._start(place)
            if place.spec.is_up:
                self._wait_until_up(place, place.spec.is_up)
            if self._num_stop_requests:
                return

    def _start(self, place: _Place) -> None:
        place.child = ChildProcess(place.spec, self._show_line, place.lines)

    def _wait_until_up(self, place: _Place, is_up: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _UP_TIMEOUT_S
        while not is_up() and not self._num_stop_requests:
            if time.monotonic() > deadline:
                self._show_line(place.spec.name, f"not up after {_UP_TIMEOUT_S:.0f} s; going on without it")
                return
            self._look_after(place)
            time.sleep(0.02)

    def _look_after(self, place: _Place) -> None:
        child = place.child
        if child is None:
            if time.monotonic() >= place.start_at:
                self._start(place)
        elif not child.is_running:
            self._bury(place, child)
        elif child.age_s > HEALTHY_AFTER_S:
            place.num_failures = 0

    def _bury(self, place: _Place, child: ChildProcess) -> None:
        """Ends what the dead process may have left in its group, and plans its successor."""
        child.kill()
        wait_s = min(LONGEST_BACKOFF_S, 2.0**place.num_failures)
        place.num_failures += 1
        place.child, place.start_at = None, time.monotonic() + wait_s
        self._show_line(place.spec.name, f"{child.how_it_ended()}; starting again in {wait_s:.0f} s")

    def _stop_all(self) -> None:
        running = [place.child for place in self._places if place.child]
        for rank in sorted({child.spec.stop_rank for child in running}):
            self._stop_together([child for child in running if child.spec.stop_rank == rank])

    def _stop_together(self, children: list[ChildProcess]) -> None:
        for child in children:
            child.ask_to_stop()
        deadline = time.monotonic() + max(child.spec.stop_timeout_s for child in children)
        while any(child.is_running for child in children) and time.monotonic() < deadline:
            if self._num_stop_requests > 1:
                break
            time.sleep(0.02)
        for child in children:
            if child.is_running:
                self._show_line(child.spec.name, "did not stop in time and is killed")
            child.kill()


def _stop_signals() -> list[signal.Signals]:
    return [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
