"""A list's page and what stands around it: rows, tabs, chips, the choices of the filters.

The number of queries is fixed, and none of them reads more than a page or a capped count.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404, HttpRequest
from django.utils import timezone

from chatbot.conversations import handling
from chatbot.conversations.models import Conversation, ConversationQuerySet, Reply, Tag, is_admin
from chatbot.inbox import boxes, search
from chatbot.inbox.models import SavedSearch
from webui.desk import rows
from webui.desk.inbox import address
from webui.desk.inbox.address import ListAddress, parse_address
from webui.desk.rows import Row

PAGE_SIZE = 40
_MAX_CHOICES = 200
_CURSOR_TIME = "%Y%m%dT%H%M%S.%f"  # exact: a float of the timestamp would skip or repeat a row
_NUM_MESSAGES_SHOWN, _NUM_AFTER_HIT = 100, 20  # of an opened conversation


class BadCursorError(ValueError):
    """The `cursor` of an address that wasn't made here."""


@dataclass(frozen=True)
class Page:
    rows: list[Row] = field(default_factory=list)
    next_cursor: str = ""


@dataclass(frozen=True)
class Tab:
    """A view of the inbox; `count` as it is shown: "", "7" or "99+"."""

    key: str
    label: str
    query: str
    count: str
    is_current: bool


def page_of(wanted: ListAddress, user: User) -> Page:
    """The page that the address asks for. Raises BadCursorError."""
    return _found_page(wanted, user) if wanted.is_search else _listed_page(wanted, user)


def row_of(wanted: ListAddress, user: User, pk: UUID) -> Row | None:
    """One row again, as the list shows it; None when the conversation isn't in the list (any more)."""
    matching = list(rows.with_what_rows_show(_matching(wanted, user)).filter(pk=pk))
    if not matching:
        return None
    hit = search.newest_hit(pk, wanted.words) if wanted.is_search else None
    if wanted.is_search and hit is None:
        return None
    return _rows(wanted, user, matching, [hit] if hit else [])[0]


def _matching(wanted: ListAddress, user: User) -> ConversationQuerySet:
    visible = Conversation.objects.visible_to(user)
    return wanted.filters.apply(boxes.conversations_in(wanted.box, visible, agent=user, now=timezone.now()))


def _listed_page(wanted: ListAddress, user: User) -> Page:
    is_by_waiting = boxes.is_by_waiting(wanted.box)
    found = _matching(wanted, user)
    column, sign = ("waiting_since", "") if is_by_waiting else ("last_message_at", "-")
    if wanted.cursor:
        found = _after(found, wanted.cursor, column, is_upward=is_by_waiting)
    ordered = found.order_by(f"{sign}{column}", f"{sign}pk").values_list("pk", flat=True)
    ids = list(ordered[: PAGE_SIZE + 1])  # alone: narrow rows to sort, and no join that could lead the plan astray
    by_id = rows.with_what_rows_show(Conversation.objects.all()).in_bulk(ids[:PAGE_SIZE])
    shown = [by_id[pk] for pk in ids[:PAGE_SIZE] if pk in by_id]
    has_more = len(ids) > PAGE_SIZE and bool(shown)
    return Page(_rows(wanted, user, shown), _cursor_of(shown[-1], column) if has_more else "")


def _found_page(wanted: ListAddress, user: User) -> Page:
    matching = _matching(wanted, user)
    hits = search.find(
        matching,
        wanted.words,
        is_filtered=bool(wanted.filters) or wanted.box != boxes.ALL,
        before=_number(wanted.cursor) if wanted.cursor else None,
        num_wanted=PAGE_SIZE,
    )
    shown = search.in_order(hits.hits, rows.with_what_rows_show(matching))
    return Page(_rows(wanted, user, shown, hits.hits), str(hits.next_before) if hits.next_before else "")


def _rows(wanted: ListAddress, user: User, shown: Sequence[Conversation], hits: Sequence[search.Hit] = ()) -> list[Row]:
    texts = search.visible_texts(hits) if hits else {}
    snippets = {pk: (message, search.snippet_of(message.text, wanted.words)) for pk, message in texts.items()}
    return rows.rows_of(shown, viewer=user, is_by_waiting=boxes.is_by_waiting(wanted.box), hits=snippets)


def _after(found: ConversationQuerySet, cursor: str, column: str, *, is_upward: bool) -> ConversationQuerySet:
    at, pk = _parse_cursor(cursor)
    side = "gt" if is_upward else "lt"
    bound = Q(**{f"{column}__{side}e": at})  # by itself, so that the index is entered there
    return found.filter(bound).filter(Q(**{f"{column}__{side}": at}) | Q(**{column: at, f"pk__{side}": pk}))


def _cursor_of(conversation: Conversation, column: str) -> str:
    at: datetime = getattr(conversation, column)
    return f"{at.astimezone(UTC).strftime(_CURSOR_TIME)}~{conversation.pk.hex}"


def _parse_cursor(cursor: str) -> tuple[datetime, UUID]:
    at, _separator, pk = cursor.partition("~")
    try:
        return datetime.strptime(at, _CURSOR_TIME).replace(tzinfo=UTC), UUID(pk)
    except ValueError as error:
        raise BadCursorError(cursor) from error


def _number(cursor: str) -> int:
    if not (cursor.isdecimal() and len(cursor) < 19):
        raise BadCursorError(cursor)
    return int(cursor)


def tabs_for(user: User, wanted: ListAddress) -> list[Tab]:
    """The views of the inbox, the counted ones with their numbers."""
    nums = boxes.counts(Conversation.objects.visible_to(user), agent=user, now=timezone.now())
    current = "" if wanted.is_narrowed else wanted.box
    return [
        Tab(box, str(label), wanted.query_in(box), _count(nums.get(box, 0)), box == current)
        for box, label in address.BOX_LABELS.items()
    ]


def _count(num: int) -> str:
    return f"{boxes.MAX_COUNTED}+" if num > boxes.MAX_COUNTED else str(num or "")


def list_context(request: HttpRequest) -> dict[str, Any]:
    """What the list's templates show, for every page that has the list. Raises Http404 for an invented page."""
    wanted = parse_address(request.GET.dict())
    user: User = request.user
    try:
        page = page_of(wanted, user)
    except BadCursorError as error:
        raise Http404 from error
    return {
        "list": wanted,
        "list_query": wanted.query,
        "page": page,
        "is_first_page": not wanted.cursor,
        "next_query": wanted.query_at(page.next_cursor),
        "is_admin": is_admin(user),
        "sla_due_s": settings.SLA_DUE_S,
        "sla_overdue_s": settings.SLA_OVERDUE_S,
        "presence_heartbeat_s": settings.PRESENCE_HEARTBEAT_S,
        "presence_ttl_s": settings.PRESENCE_TTL_S,
    } | tabs_context(user, wanted)


def tabs_context(user: User, wanted: ListAddress) -> dict[str, Any]:
    tabs = tabs_for(user, wanted)
    agents = {agent.pk: agent for agent in handling.agents().order_by("first_name", "username")[:_MAX_CHOICES]}
    saved = list(SavedSearch.objects.filter(agent=user))
    return {
        "tabs": tabs[:4],
        "more_tabs": tabs[4:],
        "current_tab": next((tab for tab in tabs if tab.is_current), None),
        "saved_searches": saved,
        "current_saved": next((one for one in saved if one.query == wanted.query), None),
        "chips": wanted.chips(agents),
        "agents": list(agents.values()),
    }


def filter_context(user: User, wanted: ListAddress) -> dict[str, Any]:
    """The choices of the filter form. Read when the form is opened, not with every list."""
    agents = handling.agents().order_by("first_name", "username")[:_MAX_CHOICES]
    return {
        "list": wanted,
        "agents": list(agents),
        "tag_names": list(Tag.objects.order_by("name").values_list("name", flat=True)[:_MAX_CHOICES]),
        "actions": Reply.Action.values,
        "moods": Conversation.Mood.values,
        "ratings": address.RATING_LABELS,
        "statuses": address.STATUS_LABELS,
        "boxes": address.BOX_LABELS,
        "models": _model_versions(),
    }


def _model_versions() -> list[str]:
    """Every model version that replied, by jumps through the index: there are few, and very many replies."""
    versions: list[str] = []
    while len(versions) < _MAX_CHOICES:
        later = Reply.objects.filter(model_version__gt=versions[-1] if versions else "").order_by("model_version")
        version = later.values_list("model_version", flat=True).first()
        if version is None:
            break
        versions.append(version)
    return versions


def before_hit(last_seq: int, hit_seq: int) -> int | None:
    """The `before` of a transcript's address that has a hit far from its end in view; None for a near one."""
    return hit_seq + _NUM_AFTER_HIT if hit_seq <= last_seq - _NUM_MESSAGES_SHOWN else None
