"""How the templates write verdicts, corrections, agreement and the bot's reasons."""

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
_REASONS = {
    "sure_of_entry": _lazy("It was sure of the entry."),
    "own_question": _lazy("The customer asked the entry's own question."),
    "several_questions": _lazy("The customer asked several things at once."),
    "entries_compete": _lazy("Several entries fitted about equally well."),
    "nothing_fits": _lazy("No entry fitted well enough."),
    "no_answers": _lazy("There were no approved answers."),
    "wants_person": _lazy("The customer asked for a person."),
    "accepted_person": _lazy("The customer accepted a person."),
    "complaint": _lazy("The customer complained."),
    "bends_the_bot": _lazy("The customer tried to bend the bot's rules."),
    "smalltalk": _lazy("It was small talk."),
    "attempts_exhausted": _lazy("No worker finished it in time."),
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
def reason_text(reason: str) -> object:
    """Why the bot chose its action, as a sentence."""
    return _REASONS.get(reason, "")


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
