"""`manage.py up`: the whole site from one command. `--check` asks it one question and stops it again."""

import errno
import sys
import threading
import time
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from django.db.utils import DatabaseError

from workers import machine
from workers.check import CheckFailedError, ask_one_question, is_ready
from workers.console import Console
from workers.embedded_redis import EmbeddedRedis
from workers.processes import site_processes
from workers.setup import DemoLogin, set_up_database
from workers.supervisor import Supervisor

_LOOK_EVERY_S = 0.1
_SLOW_START_S = 60.0


class Command(BaseCommand):
    help = "Starts the site: database, demo, Redis, web, workers. Ctrl-C stops everything."
    requires_system_checks = []  # `migrate` runs those that matter; the rest belongs to the tests

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="start, answer one question, stop; exit 0 if it worked"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        is_coloured = sys.stdout.isatty() and not settings.NO_COLOR
        console = Console(sys.stdout, is_coloured=is_coloured, shows_processes=not check)
        try:
            _Site(console, is_check=check).run()
        except machine.NotPossibleError as error:
            raise CommandError(str(error)) from error
        except CheckFailedError as error:
            raise CommandError(f"check failed: {error}", returncode=3) from error
        except (OSError, DatabaseError) as error:
            if getattr(error, "errno", 0) == errno.ENOSPC or "disk is full" in str(error):
                raise CommandError(f"The disk is full; {settings.KEFU_HOME} needs room: {error}") from error
            raise


class _Site:
    """One run of the site, from the first check of the machine to the end of the last process."""

    def __init__(self, console: Console, *, is_check: bool) -> None:
        self._console = console
        self._is_check = is_check
        self._started_at = time.monotonic()
        self._port = machine.free_port(settings.HOST) if is_check else settings.PORT
        self._logins: list[DemoLogin] = []
        self._failure: CheckFailedError | None = None
        self._is_answered = False
        self._is_over = threading.Event()

    def run(self) -> None:
        with machine.lock_home(settings.KEFU_HOME):
            self._check_machine()
            self._logins = set_up_database(self._console.step)
            connections.close_all()
            supervisor = self._make_supervisor()
            watcher = threading.Thread(target=self._watch, args=(supervisor,), name="watcher", daemon=True)
            try:
                supervisor.run(on_started=watcher.start)
            finally:
                self._is_over.set()
            self._console.step("everything has stopped")
        if self._is_check and self._failure is None and not self._is_answered:
            raise CheckFailedError("it was stopped before the question was answered")
        if self._failure:
            raise self._failure

    def _check_machine(self) -> None:
        machine.check_disk(settings.KEFU_HOME)
        machine.check_port(settings.HOST, self._port)
        warning = machine.raise_open_files()
        if warning:
            self._console.step(f"warning: {warning}")

    def _make_supervisor(self) -> Supervisor:
        embedded = None
        if settings.IS_REDIS_EMBEDDED:
            embedded = EmbeddedRedis(settings.KEFU_HOME, settings.EMBEDDED_REDIS_URL_FILE)
        specs = site_processes(embedded_redis=embedded, port=self._port)
        names = ", ".join(spec.name for spec in specs)
        self._console.step(f"starting {names}; loading the model takes some seconds")
        return Supervisor(specs, self._console.show_line)

    @property
    def _url(self) -> str:
        host = "127.0.0.1" if settings.HOST in ("0.0.0.0", "::", "") else settings.HOST
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    def _watch(self, supervisor: Supervisor) -> None:
        """Runs beside the supervisor: waits until the site is ready, then tells of it or asks the question."""
        if not self._wait_until_ready(supervisor):
            if self._is_check and not self._is_over.is_set():
                self._fail(supervisor, CheckFailedError(self._why_not_ready(supervisor)))
        elif self._is_check:
            self._ask(supervisor)
        else:
            self._console.block(self._welcome())

    def _why_not_ready(self, supervisor: Supervisor) -> str:
        if failing := supervisor.failing():
            return f"{' and '.join(failing)} ended while the site was starting"
        return f"not ready after {settings.CHECK_START_TIMEOUT_S} s"

    def _wait_until_ready(self, supervisor: Supervisor) -> bool:
        """False when the site is stopped first; with --check also when it takes too long or a process ends."""
        is_told = False
        while not self._is_over.wait(_LOOK_EVERY_S):
            if is_ready(self._url):
                return True
            waited_s = time.monotonic() - self._started_at
            if self._is_check and (waited_s > settings.CHECK_START_TIMEOUT_S or supervisor.failing()):
                return False
            if waited_s > _SLOW_START_S and not (is_told or self._is_check):
                is_told = True
                self._console.step(f"not ready after {waited_s:.0f} s; the lines above say why")
        return False

    def _ask(self, supervisor: Supervisor) -> None:
        self._console.step(f"ready after {time.monotonic() - self._started_at:.1f} s; asking one question")
        try:
            answered = ask_one_question(self._url)
        except CheckFailedError as error:
            self._fail(supervisor, error)
            return
        finally:
            connections.close_all()
        self._is_answered = True
        self._console.block(
            [
                f"question  {answered.question}",
                f"reply     {answered.text}",
                f"          ({answered.action}, {answered.num_deltas} deltas, {answered.seconds:.1f} s)",
            ]
        )
        supervisor.request_stop()

    def _fail(self, supervisor: Supervisor, failure: CheckFailedError) -> None:
        self._failure = failure
        for name in supervisor.failing() or supervisor.names:
            for line in supervisor.last_lines(name):
                self._console.say(f"{name:<8} | {line}")
        supervisor.request_stop()

    def _welcome(self) -> list[str]:
        lines = [
            f"Kefu is ready after {time.monotonic() - self._started_at:.1f} s. Ctrl-C stops it.",
            "",
            f"customers   {self._url}/   and full-page: {self._url}/chat/",
            f"agents      {self._url}/desk/",
            f"admins      {self._url}/admin/",
            "",
        ]
        return lines + self._login_lines()

    def _login_lines(self) -> list[str]:
        if not self._logins:
            return ["no demo logins; make yourself one: .venv/bin/python manage.py createsuperuser"]
        if not any(login.password for login in self._logins):
            names = " and ".join(login.username for login in self._logins)
            return [
                f"logins      {names}; their passwords were shown at the first start",
                "            new ones: KEFU_DEMO_PASSWORD=... make run, or manage.py changepassword agent",
            ]
        shown = [f"{login.username}  password: {login.password or '(not changed)'}" for login in self._logins]
        lines = [f"{'logins' if number == 0 else '':<12}{line}" for number, line in enumerate(shown)]
        note = "" if settings.DEMO_PASSWORD else "            shown only now; write them down"
        return [*lines, note] if note else lines
