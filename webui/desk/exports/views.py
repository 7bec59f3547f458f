"""The export's page and its file, streamed in pieces: the first bytes leave before the last row is read."""

import csv
import io
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from chatbot.conversations import handling
from chatbot.conversations.models import Conversation, is_admin
from chatbot.inbox import boxes
from chatbot.review import exports
from chatbot.review.exports import CONVERSATIONS, MESSAGES, Row, Wanted
from webui.desk.access import agents_only
from webui.desk.inbox.address import BOX_LABELS, ListAddress, parse_address
from webui.desk.insight.numbers import csv_cell

log = logging.getLogger(__name__)

LEVEL_LABELS = {CONVERSATIONS: _("One row per conversation"), MESSAGES: _("One row per message")}
_BETWEEN = "|"
_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}


@require_safe
@agents_only
def export(request: HttpRequest) -> HttpResponse:
    """What will be in the file, and the choices."""
    wanted = _address(request)
    agents = {agent.pk: agent for agent in handling.agents()}
    hidden = {name: value for name, value in wanted.values().items() if name not in ("view", "since", "until")}
    context = {
        "list": wanted,
        "boxes": BOX_LABELS,
        "levels": LEVEL_LABELS,
        "chips": [chip for chip in wanted.chips(agents) if chip.name not in ("since", "until")],
        "hidden": hidden,
        "inbox_query": wanted.query,
        "is_admin": is_admin(request.user),
    }
    return render(request, "desk/exports/page.html", context)


@require_safe
@agents_only
def export_file(request: HttpRequest) -> HttpResponse | StreamingHttpResponse:
    """`level`: conversations or messages; `format`: csv or jsonl; `redact`: without who the customers are."""
    level, form = request.GET.get("level", ""), request.GET.get("format", "")
    if level not in exports.COLUMNS or form not in _TYPES:
        return HttpResponseBadRequest()
    wanted = _wanted(request, level)
    log.info("%s exports %s as %s%s", request.user, level, form, ", redacted" if wanted.is_redacted else "")
    name = f"{level}-{timezone.localdate().isoformat()}{'-redacted' if wanted.is_redacted else ''}.{form}"
    response = StreamingHttpResponse(_stream(_lines(wanted, form)), content_type=_TYPES[form])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _address(request: HttpRequest) -> ListAddress:
    """The inbox's address; without a view of its own it means all conversations."""
    values = request.GET.dict()
    return parse_address({"view": boxes.ALL} | values)


def _wanted(request: HttpRequest, level: str) -> Wanted:
    address = replace(_address(request), cursor="")
    visible = Conversation.objects.visible_to(request.user)
    now = timezone.now()
    in_view = boxes.conversations_in(address.box, visible, agent=request.user, now=now)
    return Wanted(
        level=level,
        conversations=address.filters.apply(in_view),
        words=address.words,
        is_filtered=bool(address.filters) or address.box != boxes.ALL,
        is_redacted="redact" in request.GET,
    )


def _lines(wanted: Wanted, form: str) -> Iterator[str]:
    columns = exports.COLUMNS[wanted.level]
    write: Callable[[list[Row]], str] = _csv_writer(columns) if form == "csv" else _json_lines
    if form == "csv":
        yield "\ufeff" + _csv_writer(columns)([dict(zip(columns, columns, strict=True))])
    for rows in exports.pieces(wanted):
        yield write(rows)


def _csv_writer(columns: tuple[str, ...]) -> Callable[[list[Row]], str]:
    def write(rows: list[Row]) -> str:
        file = io.StringIO(newline="")
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerows([csv_cell(_plain(row[name])) for name in columns] for row in rows)
        return file.getvalue()

    return write


def _plain(value: Any) -> Any:
    return _BETWEEN.join(value) if isinstance(value, list) else value


def _json_lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


async def _stream(lines: Iterator[str]) -> AsyncIterator[str]:
    """Each piece is read in a thread while the event loop serves others."""
    step = sync_to_async(next)
    while (piece := await step(lines, None)) is not None:
        yield piece
