"""The list, its partials, and the acts of a row's menu: assign, snooze, tags, saved searches."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from chatbot.conversations import handling
from chatbot.conversations.models import Conversation, agent_display_name
from chatbot.inbox import presence, services
from webui.desk import rows
from webui.desk.access import agents_only, conversation_or_404
from webui.desk.inbox import listing
from webui.desk.inbox.address import parse_address
from webui.desk.posted import agent_of

PRESETS = ("hour", "tomorrow", "monday")


@require_safe
@agents_only
def desk(request: HttpRequest) -> HttpResponse:
    """The list, with nothing opened."""
    return render(request, "desk/desk.html", listing.list_context(request))


@require_safe
@agents_only
def list_page(request: HttpRequest) -> HttpResponse:
    """Partial: the rows of a page."""
    return render(request, "desk/rows.html", listing.list_context(request))


@require_safe
@agents_only
def list_pane(request: HttpRequest) -> HttpResponse:
    """Partial: the whole list pane, for another view or search without another page."""
    return render(request, "desk/inbox/pane.html", listing.list_context(request))


@require_safe
@agents_only
def tabs(request: HttpRequest) -> HttpResponse:
    """Partial: the views with their counts."""
    wanted = parse_address(request.GET.dict())
    return render(request, "desk/tabs.html", {"list": wanted} | listing.tabs_context(agent_of(request), wanted))


@require_safe
@agents_only
def row(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Partial: one row; 204 when the conversation is not in the list."""
    wanted = parse_address(request.GET.dict())
    found = listing.row_of(wanted, agent_of(request), pk)
    if found is None:
        return HttpResponse(status=204)
    return render(request, "desk/row.html", {"row": found, "list": wanted, "list_query": wanted.query})


@require_safe
@agents_only
def filters(request: HttpRequest) -> HttpResponse:
    """Partial: the filter form."""
    wanted = parse_address(request.GET.dict())
    return render(request, "desk/inbox/filters.html", listing.filter_context(agent_of(request), wanted))


@require_safe
@agents_only
def menu(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Who has it, until when it sleeps, its tags: as a partial for a script, as a page for everybody else."""
    return _menu(request, conversation_or_404(request, pk))


@require_POST
@agents_only
def assign(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`to`: `me`, `nobody`, `next` (round robin) or an agent's id."""
    opened = conversation_or_404(request, pk)
    to = request.POST.get("to", "")
    if to == "next":
        if handling.assign_round_robin(conversation=opened, among=_present_agents()) is None:
            return _menu(request, opened, error=_("There is no agent to give it to."), status=409)
        return _done(request, opened)
    assignee = {"me": agent_of(request), "nobody": None}.get(to) if to in ("me", "nobody") else _agent_with(to)
    if assignee is None and to != "nobody":
        return _menu(request, opened, error=_("That agent is not here any more. Choose another one."), status=409)
    handling.assign(conversation=opened, assignee=assignee)
    return _done(request, opened)


@require_POST
@agents_only
def snooze(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`preset` or `until` (ISO 8601); neither wakes it."""
    opened = conversation_or_404(request, pk)
    preset, written = request.POST.get("preset", ""), request.POST.get("until", "")
    if preset == "wake":
        handling.snooze(conversation=opened, until=None)
        return _done(request, opened)
    until = services.snooze_until(preset, now=timezone.now()) if preset in PRESETS else _parse_moment(written)
    if until is None or until <= timezone.now():
        return _menu(request, opened, error=_("Choose a time that is still to come."), status=400)
    handling.snooze(conversation=opened, until=until)
    return _done(request, opened)


@require_POST
@agents_only
def tag(request: HttpRequest, pk: UUID) -> HttpResponse:
    """`add` or `remove`: a tag's name."""
    opened = conversation_or_404(request, pk)
    if "remove" in request.POST:
        services.remove_tag(conversation=opened, name=request.POST["remove"])
        return _done(request, opened)
    try:
        services.add_tag(conversation=opened, name=request.POST.get("add", ""))
    except services.TagRefusedError as error:
        return _menu(request, opened, error=_tag_error(error.code), status=400)
    return _done(request, opened)


@require_safe
@agents_only
def tag_names(request: HttpRequest) -> JsonResponse:
    """Tags to choose from, for what is typed so far."""
    return JsonResponse({"tags": services.tags_like(request.GET.get("start", "").strip()[:40])})


@require_POST
@agents_only
def save_search(request: HttpRequest) -> HttpResponse:
    """Keeps the list of `query` under `name`, and shows it."""
    values = parse_address(_values(request.POST.get("query", "")))
    try:
        services.save_search(agent=agent_of(request), name=request.POST.get("name", ""), query=values.query)
    except services.SavedSearchRefusedError as error:
        return HttpResponseBadRequest(_saved_error(error.code))
    return redirect(reverse("desk") + values.query)


@require_POST
@agents_only
def forget_search(request: HttpRequest, search_id: int) -> HttpResponse:
    """Only one's own."""
    services.forget_search(agent=agent_of(request), search_id=search_id)
    return redirect("desk")


def _values(query: str) -> dict[str, str]:
    return QueryDict(query.removeprefix("?")).dict()


def _agent_with(id: str) -> User | None:
    return handling.agents().filter(pk=int(id)).first() if id.isdecimal() and len(id) < 10 else None


def _present_agents() -> list[User] | None:
    """Those at the desk; None (everybody) when nobody is known to be."""
    return list(handling.agents().filter(pk__in=presence.agents_online())) or None


def _parse_moment(written: str) -> datetime | None:
    try:
        at = parse_datetime(written)
    except ValueError:
        return None
    return timezone.make_aware(at) if at is not None and timezone.is_naive(at) else at


def _tag_error(code: str) -> str:
    return {
        "empty": _("Write the tag's name."),
        "too_long": _("A tag has 40 characters at most. Choose a shorter name."),
        "too_many": _("This conversation has 40 tags already. Take one off first."),
    }[code]


def _saved_error(code: str) -> str:
    return {
        "empty": _("Give the search a name, and something to search for."),
        "too_many": _("You have 50 saved searches already. Remove one first."),
    }[code]


def _done(request: HttpRequest, opened: Conversation) -> HttpResponse:
    if "X-Partial" in request.headers:
        return _menu(request, conversation_or_404(request, opened.pk))
    return redirect("desk-conversation", opened.pk)


def _menu(request: HttpRequest, opened: Conversation, *, error: str = "", status: int = 200) -> HttpResponse:
    template = "desk/inbox/menu.html" if "X-Partial" in request.headers else "desk/inbox/menu_page.html"
    return render(request, template, _menu_context(request, opened) | {"error": error}, status=status)


def _menu_context(request: HttpRequest, opened: Conversation) -> dict[str, Any]:
    now = timezone.now()
    return {
        "conversation": opened,
        "name": rows.customer_name(opened),
        "assignee_name": agent_display_name(opened.assignee) if opened.assignee else "",
        "is_mine": opened.assignee_id == request.user.pk,
        "is_snoozed": opened.snoozed_until is not None and opened.snoozed_until > now,
        "agents": [
            (agent.pk, agent_display_name(agent)) for agent in handling.agents().order_by("first_name", "username")
        ],
        "tags": list(opened.tags.order_by("name")),
        "tag_names": services.tags_like(""),
        "tag_max_chars": services.TAG_MAX_CHARS,
        "presets": [(preset, services.snooze_until(preset, now=now)) for preset in PRESETS],
    }
