"""A PostgreSQL server in a temporary folder for a measurement, with its settings as installed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def temporary_server() -> Iterator[str]:
    """Yields its DATABASE_URL; needs Debian's server programs."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="kefu-pg-bench-"))
    as_postgres = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # initdb refuses root
    if as_postgres:
        shutil.chown(folder, "postgres", "postgres")

    def run(*command: str) -> None:
        subprocess.run([*as_postgres, *command], check=True, cwd="/", stdout=subprocess.DEVNULL, timeout=120)

    cluster = str(folder / "cluster")
    run(f"{programs}/initdb", "-D", cluster, "-A", "trust", "-U", "postgres", "--no-sync")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    run(f"{programs}/pg_ctl", "-D", cluster, "-w", "-l", f"{folder}/log", "-o", options, "start")
    try:
        yield f"postgres://postgres@/postgres?host={folder}"
    finally:
        run(f"{programs}/pg_ctl", "-D", cluster, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
