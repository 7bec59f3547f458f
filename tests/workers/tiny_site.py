"""A supervisor with a few tiny processes, in place of the site's. Run: `python -m tests.workers.tiny_site FOLDER`.

Each process writes its pid to FOLDER/<name>.pid, and its name to FOLDER/stopped when it is asked to stop.
"""

import sys
from pathlib import Path

from workers.child_process import ProcessSpec
from workers.supervisor import Supervisor

_POLITE = """
import os, pathlib, signal, sys, time
folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]
def stop(number, frame):
    with (folder / "stopped").open("a") as file:
        file.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
draft = folder / f"{name}.{os.getpid()}"
draft.write_text(str(os.getpid()))
draft.rename(folder / f"{name}.pid")  # whoever reads it never finds it empty
print("alive", flush=True)
while True:
    time.sleep(60)
"""
_DEAF = _POLITE.replace("signal.SIGTERM, stop", "signal.SIGTERM, signal.SIG_IGN")
_PARENT = """
import pathlib, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[3], sys.argv[1], "grandchild"])
""" + _POLITE[_POLITE.index("\n") + 1 :]
_DOOMED = "import sys; sys.exit('nothing works')"


def specs(folder: str, names: list[str]) -> list[ProcessSpec]:
    def spec(name: str, code: str, rank: int) -> ProcessSpec:
        command = [sys.executable, "-c", code, folder, name, _POLITE]
        return ProcessSpec(name=name, command=command, stop_rank=rank, stop_timeout_s=1.0)

    known = [
        spec("store", _POLITE, 2),
        spec("front", _POLITE, 0),
        spec("worker", _POLITE, 1),
        spec("deaf", _DEAF, 1),
        spec("parent", _PARENT, 1),
        spec("doomed", _DOOMED, 1),
    ]
    return [one for one in known if one.name in names]


def show(name: str, line: str) -> None:
    sys.stdout.write(f"{name} | {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    folder, *names = sys.argv[1:]
    Path(folder).mkdir(exist_ok=True)
    Supervisor(specs(folder, names), show).run()
