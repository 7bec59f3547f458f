"""Brings the database to where the site can start: tables, groups, and once the demo company. Safe to run again.

The demo is added once per database: what an admin changes or deletes afterwards stays as they left it.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, transaction

from chatbot.conversations.models import ADMINS_GROUP, AGENTS_GROUP
from chatbot.sites.services import ensure_own_site_key

DEMO_GROUP = "demo"  # marks the demo logins, and by its existence that the demo was added
DEMO_LOGINS = {"agent": AGENTS_GROUP, "admin": ADMINS_GROUP}
_ANSWERS_FILE = Path("chatbot/knowledge/demo/answers.csv")


@dataclass(frozen=True, kw_only=True)
class DemoLogin:
    """`password` is empty when it isn't known: it was shown at the start that made it."""

    username: str
    password: str


def set_up_database(say: Callable[[str], None]) -> list[DemoLogin]:
    """Migrates, makes the groups, and with DEMO=1 the demo company. Returns the demo logins that exist."""
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # whitenoise warns of a folder that isn't there
    say("database: bringing the tables up to date")
    call_command("migrate", interactive=False, verbosity=0)
    _refresh_statistics()
    for name in (AGENTS_GROUP, ADMINS_GROUP):
        Group.objects.get_or_create(name=name)
    return set_up_demo(say) if settings.DEMO else []


def _refresh_statistics() -> None:
    """SQLite plans by statistics that it keeps only when asked; PostgreSQL keeps its own."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA analysis_limit = 1000")
            cursor.execute("PRAGMA optimize = 0x10002")  # every table that has none or has grown


@transaction.atomic
def set_up_demo(say: Callable[[str], None]) -> list[DemoLogin]:
    group, is_new = Group.objects.get_or_create(name=DEMO_GROUP)
    if not is_new:
        return _present_logins(group)
    say("demo: adding the company's answers and its past conversations")
    logins = [_make_login(username, group) for username in DEMO_LOGINS]
    num_answers, num_conversations = _add_texts()
    ensure_own_site_key(origins=[f"http://{host}:{settings.PORT}" for host in ("127.0.0.1", "localhost")])
    say(f"demo: {num_answers} answers, {num_conversations} conversations, {len(logins)} logins")
    return logins


def _make_login(username: str, group: Group) -> DemoLogin:
    """A name that somebody has taken already is left alone: neither its password nor its groups change."""
    user, is_new = User.objects.get_or_create(username=username)
    if not is_new:
        return DemoLogin(username=username, password="")
    password = settings.DEMO_PASSWORD or secrets.token_urlsafe(12)
    user.set_password(password)
    user.save()
    user.groups.set([group, Group.objects.get(name=DEMO_LOGINS[username])])
    return DemoLogin(username=username, password=password)


def _present_logins(group: Group) -> list[DemoLogin]:
    """KEFU_DEMO_PASSWORD, when given, holds for logins made earlier too."""
    users = User.objects.filter(groups=group).order_by("-username")
    for user in users:
        if settings.DEMO_PASSWORD and not user.check_password(settings.DEMO_PASSWORD):
            user.set_password(settings.DEMO_PASSWORD)
            user.save(update_fields=["password"])
    return [DemoLogin(username=user.username, password=settings.DEMO_PASSWORD) for user in users]


def _add_texts() -> tuple[int, int]:
    """Imported here: a later start needs neither numpy nor the retrieval code."""
    from chatbot.conversations.demo import add_demo_conversations
    from chatbot.knowledge.models import Answer
    from chatbot.knowledge.services import import_answers
    from chatbot.notes.demo import add_demo_canned_replies
    from chatbot.sentiment.trend import mood_of

    add_demo_canned_replies()
    summary = import_answers((settings.BASE_DIR / _ANSWERS_FILE).read_text(encoding="utf-8"))
    sources = {
        answer.pk: {"id": answer.pk, "question": answer.question, "text": answer.answer}
        for answer in Answer.objects.all()
    }
    return summary.num_created, add_demo_conversations(sources=sources, mood_of=mood_of)
