"""Becomes another program that ends when its parent does: `python -I -S launcher.py PARENT_PID PROGRAM ARGUMENT…`.

Run by path, with the standard library only, so that it costs milliseconds. Linux sends the signal asked for with
prctl(2) PR_SET_PDEATHSIG when the thread that started this process ends, and keeps the request across execve(2); on
other systems the children of a supervisor that was killed hard stay.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent_pid, program = int(sys.argv[1]), sys.argv[2:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent_pid:  # it ended before the request was made
            os._exit(1)
    os.execvp(program[0], program)


if __name__ == "__main__":
    main()
