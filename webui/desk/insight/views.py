"""The page, its body as a partial for the script, and each chart as CSV."""

import csv
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from chatbot.conversations.models import is_admin
from chatbot.insight.days import Period
from chatbot.insight.figures import num_conversations
from chatbot.insight.reading import choices, merge, read
from webui.desk.access import agents_only
from webui.desk.insight import comparisons, filters, lists, numbers, trends
from webui.desk.insight.charts import Chart
from webui.desk.insight.trends import Reading

CHARTS: dict[str, Callable[[Reading], Chart]] = {
    "volume": trends.chart_of_volume,
    "outcomes": trends.chart_of_outcomes,
    "first-bot": trends.chart_of_first_bot,
    "first-person": trends.chart_of_first_person,
    "sentiment": trends.chart_of_sentiment,
    "ratings": comparisons.chart_of_ratings,
    "drivers": comparisons.chart_of_drivers,
    "topics": comparisons.chart_of_topics,
    "answers": comparisons.chart_of_answers,
    "versions": comparisons.chart_of_versions,
    "hours": lists.chart_of_hours,
    "unanswered": lists.chart_of_unanswered,
}


@require_safe
@agents_only
def insight(request: HttpRequest) -> HttpResponse:
    """All charts. With the header `X-Partial` only what the filters change."""
    now, query = timezone.now(), filters.parse(request.GET)
    reading = _reading(query, now)
    charts = [make(reading) for make in CHARTS.values()]
    context: dict[str, Any] = {
        "query": query,
        "ranges": [(num, query.encoded(days=num)) for num in filters.RANGES],
        "choices": choices(reading.slices),
        "period": reading.period,
        "is_empty": num_conversations(reading.counts) == 0,
        "headlines": lists.headlines(reading),
        "charts": charts,
        "for_script": {chart.key: chart.for_script() for chart in charts if chart.is_drawn},
        "csv_query": query.encoded(),
        "zone": timezone.get_default_timezone_name(),
        "is_admin": is_admin(request.user),
    }
    template = "desk/insight/body.html" if "X-Partial" in request.headers else "desk/insight/page.html"
    return render(request, template, context)


@require_safe
@agents_only
def chart_csv(request: HttpRequest, key: str) -> HttpResponse:
    """One chart's table: UTF-8 with a byte order mark, so that spreadsheets read Chinese; column names never change."""
    if key not in CHARTS:
        raise Http404(_("There is no such chart."))
    reading = _reading(filters.parse(request.GET), timezone.now())
    chart = CHARTS[key](reading)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{_file_name(key, reading.period)}"'
    response.write("\ufeff")
    writer = csv.writer(response)
    writer.writerow([column.name for column in chart.columns])
    writer.writerows([numbers.csv_cell(value) for value in row] for row in chart.rows)
    return response


def _file_name(key: str, period: Period) -> str:
    return f"insight-{key}-{period.first}-{period.last}.csv"


def _reading(query: filters.Query, now: datetime) -> Reading:
    period = query.period(now)
    both = Period(period.previous().first, period.last, period.zone)
    slices = read(both, query.filters, now=now)
    return Reading(
        period,
        [counted for counted in slices if counted.day >= period.first],
        merge(counted for counted in slices if counted.day < period.first),
    )
