"""How the templates write verdicts, corrections and agreement."""

from django import template
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from chatbot.insight.statistics import Share
from webui.desk.review.marking import VERDICT_LABELS

register = template.Library()

_KINDS = {
    "new_answer": _lazy("New entry"),
    "changed_answer": _lazy("Changed answer"),
    "alternative": _lazy("Another question"),
    "example": _lazy("Training example"),
}
_STATES = {
    "waiting": _lazy("Waiting for an admin"),
    "published": _lazy("Published"),
    "rejected": _lazy("Rejected"),
    "kept": _lazy("Kept for training"),
}
# Landis and Koch (1977), "The measurement of observer agreement for categorical data", table 2
_AGREEMENT = (
    (0.8, _lazy("almost perfect")),
    (0.6, _lazy("substantial")),
    (0.4, _lazy("moderate")),
    (0.2, _lazy("fair")),
    (-1.0, _lazy("slight")),
)


@register.filter
def verdict_label(verdict: str) -> object:
    return VERDICT_LABELS.get(verdict, verdict)


@register.filter
def kind_label(kind: str) -> object:
    return _KINDS.get(kind, kind)


@register.filter
def state_label(state: str) -> object:
    return _STATES.get(state, state)


@register.filter
def agreement_label(kappa: float) -> object:
    return next(label for least, label in _AGREEMENT if kappa > least or least == -1.0)


@register.filter
def interval(share: Share) -> str:
    low, high = share.interval
    return _("%(low)d to %(high)d %%") % {"low": round(low * 100), "high": round(high * 100)}


@register.filter
def counted(num: int, most: int) -> str:
    """A capped count: "12", or "999+"."""
    return f"{most}+" if num > most else str(num)
