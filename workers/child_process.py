"""One child process: started in a group of its own, its lines handed on with its name, ended with its whole group."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LAUNCHER = Path(__file__).with_name("launcher.py")
_NUM_KEPT_LINES = 200


@dataclass(frozen=True, kw_only=True)
class ProcessSpec:
    """What to run and how to end it.

    `stop_rank`: processes of a lower rank are told to stop first; a rank waits for the one before it. `is_up` holds
    back the start of the processes that follow until it is true.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_rank: int = 0
    stop_timeout_s: float = 3.0
    is_up: Callable[[], bool] | None = None


class ChildProcess:
    """A running process of a spec. Start it from the supervisor's main thread: it ends with the thread that made it."""

    def __init__(self, spec: ProcessSpec, show_line: Callable[[str, str], None], lines: "deque[str]") -> None:
        self.spec = spec
        self.started_at = time.monotonic()
        self._show_line = show_line
        self._lines = lines
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCHER), str(os.getpid()), *spec.command],
            env={**os.environ, **spec.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C at the terminal reaches the supervisor alone
        )
        self.pid = self._process.pid
        self._reader = threading.Thread(target=self._read_lines, name=f"lines-{spec.name}", daemon=True)
        self._reader.start()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.started_at

    def how_it_ended(self) -> str:
        code = self._process.returncode
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"

    def ask_to_stop(self) -> None:
        self._signal_group(signal.SIGTERM)

    def kill(self) -> None:
        """Ends whatever is left of the group, and waits for it."""
        self._signal_group(signal.SIGKILL)
        self._process.wait()
        self._reader.join(timeout=1.0)

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self.pid, number)

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            line = raw.decode(errors="replace").rstrip()
            if line:
                self._lines.append(line)
                self._show_line(self.spec.name, line)


def kept_lines() -> "deque[str]":
    """Room for the last lines of a process and of its successors."""
    return deque(maxlen=_NUM_KEPT_LINES)
