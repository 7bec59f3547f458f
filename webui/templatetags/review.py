"""How the templates write verdicts."""

from django import template

from webui.desk.review.marking import VERDICT_LABELS

register = template.Library()


@register.filter
def verdict_label(verdict: str) -> object:
    return VERDICT_LABELS.get(verdict, verdict)
