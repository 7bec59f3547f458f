"""Starts the whole site as its user would (`manage.py up`) in a throw-away home, for browser tests and benchmarks."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "a password for tests"


@dataclass(frozen=True)
class Site:
    port: int
    home: Path
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def redis_url(self) -> str:
        return (self.home / "redis.url").read_text().strip()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def site_environment(home: Path, port: int) -> dict[str, str]:
    """The environment of a fresh start: nothing of the test run's own servers."""
    own = ("REDIS_URL", "DATABASE_URL", "SECRET_KEY", "DEMO", "LOG_LEVEL", "DJANGO_SETTINGS_MODULE")
    inherited = {name: value for name, value in os.environ.items() if name not in own}
    return inherited | {"KEFU_HOME": str(home), "PORT": str(port), "KEFU_DEMO_PASSWORD": PASSWORD}


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path, timeout_s: float = 180) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the site did not get ready; its log ends with:\n{log.read_text()[-4000:]}")


def run_in(site: Site, code: str, **values: Any) -> Any:
    """Runs code in a process of the site's own (`manage.py shell`), with `values` as names; returns what it leaves in
    `result`."""
    whole = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    whole += f"result = None\n{code}\nimport json; print(json.dumps(result))"
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", whole],
        cwd=ROOT,
        env=site_environment(site.home, site.port) | {"REDIS_URL": site.redis_url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"code on the site failed:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


@contextmanager
def running_site(**environment: str) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="kefu-site-") as folder:
        home, log, port = Path(folder) / "home", Path(folder) / "log", free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=site_environment(home, port) | environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        site = Site(port, home, log)
        try:
            wait_until_ready(site.url, process, log)
            yield site
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(30)
