"""Whether this machine can run the site now: disk, port, open files, and no other supervisor on the same home.

Each problem is a `NotPossibleError` with one line that says what to do.
"""

import errno
import fcntl
import os
import resource
import shutil
import socket
import time
from pathlib import Path
from typing import TextIO

_MIN_FREE_MB = 300
_WANTED_OPEN_FILES = 65_536
_FEW_OPEN_FILES = 4_096  # about 2,000 sockets, each with a connection of the channel layer
_PORT_PATIENCE_S = 1.5  # a supervisor that was just killed takes its web process with it within this time


class NotPossibleError(Exception):
    """The site can't be started; the message is one line for the person at the terminal."""


def check_disk(folder: Path) -> None:
    free_mb = shutil.disk_usage(folder).free // 2**20
    if free_mb < _MIN_FREE_MB:
        raise NotPossibleError(
            f"The disk is full: {free_mb} MB are free under {folder}, at least {_MIN_FREE_MB} MB are needed."
        )


def check_port(host: str, port: int) -> None:
    deadline = time.monotonic() + _PORT_PATIENCE_S
    while not (is_free := is_port_free(host, port)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if not is_free:
        raise NotPossibleError(
            f"Port {port} is used by another program. Choose another one, for example: PORT={port + 1} make run"
        )


def is_port_free(host: str, port: int) -> bool:
    """Raises NotPossibleError when this user may not listen there at all."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise NotPossibleError(f"Can't listen on {host}, port {port}: {error.strerror}.") from error
    return True


def free_port(host: str = "127.0.0.1") -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def raise_open_files() -> str:
    """Raises the limit as far as this user may; returns a warning when that is too few for many customers, else ""."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    if soft == resource.RLIM_INFINITY or soft >= _FEW_OPEN_FILES:
        return ""
    return f"only {soft} open files are allowed (ulimit -Hn): enough for about {soft // 3} customers at once"


def lock_home(home: Path) -> TextIO:
    """Makes this process the only supervisor of `home` for as long as the returned file is open."""
    file = (home / "up.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        raise NotPossibleError(f"Kefu runs already in {home} (process {holder}); stop it with Ctrl-C there.") from error
    file.truncate(0)
    file.write(f"{os.getpid()}\n")
    file.flush()
    return file
