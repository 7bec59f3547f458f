"""What the person who typed `manage.py up` sees: progress, the lines of each process by name, one final block."""

import contextlib
import threading
from collections.abc import Sequence
from typing import TextIO

_COLOURS = {"redis": 90, "web": 36, "reply": 32, "analysis": 35, "beat": 33}
_NAME_WIDTH = max(map(len, _COLOURS))


class Console:
    """Writes whole lines, safe from several threads. A reader that went away (`| head`) is no reason to fail."""

    def __init__(self, out: TextIO, *, is_coloured: bool, shows_processes: bool = True) -> None:
        self._out = out
        self._is_coloured = is_coloured
        self._shows_processes = shows_processes
        self._lock = threading.Lock()

    def say(self, line: str = "") -> None:
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):
            self._out.write(f"{line}\n")
            self._out.flush()

    def step(self, line: str) -> None:
        self.say(f"{self._painted('·', 1)} {line}")

    def show_line(self, name: str, line: str) -> None:
        """A line of the process `name`."""
        if self._shows_processes:
            self.say(f"{self._painted(name.ljust(_NAME_WIDTH), _COLOURS.get(name, 34))} | {line}")

    def block(self, lines: Sequence[str]) -> None:
        self.say()
        for line in lines:
            self.say(f"  {line}" if line else "")
        self.say()

    def _painted(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._is_coloured else text
