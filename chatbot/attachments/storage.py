"""The folder of the files: random names below KEFU_HOME/attachments, readable by the owner only."""

import secrets
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

_THUMBNAIL = ".thumb"


def folder() -> Path:
    path: Path = settings.ATTACHMENTS_FOLDER
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write_file(content: bytes, thumbnail: bytes | None) -> str:
    """Keeps the bytes and returns the name they have here. A crash leaves a file that the clean-up finds."""
    name = secrets.token_hex(16)
    name = f"{name[:2]}/{name[2:]}"
    path = folder() / name
    path.parent.mkdir(mode=0o700, exist_ok=True)
    _write(path, content)
    if thumbnail is not None:
        _write(path.with_suffix(_THUMBNAIL), thumbnail)
    return name


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)


def path_of(name: str) -> Path:
    return folder() / name


def thumbnail_path_of(name: str) -> Path:
    return (folder() / name).with_suffix(_THUMBNAIL)


def remove_file(name: str) -> None:
    """Safe to repeat."""
    path_of(name).unlink(missing_ok=True)
    thumbnail_path_of(name).unlink(missing_ok=True)


def stored_names() -> Iterator[tuple[str, float]]:
    """Every file that is kept, with the time it was written (seconds since the epoch); no thumbnails."""
    for path in folder().glob("??/*"):
        if path.suffix != _THUMBNAIL:
            yield f"{path.parent.name}/{path.name}", path.stat().st_mtime
