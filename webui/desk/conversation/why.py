"""Why a reply is what it is, for the eye: the decision's probabilities as bars, the sources with what was used marked.

Reads what `Reply.decision`, `sources` and `support` hold; decides nothing. Rows older than a key lack it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from chatbot.conversations.models import Reply
from webui.desk.pieces import Piece, pieces_of

_LABELS = {
    "answer": _lazy("The first answer fits"),
    "clarify": _lazy("One of the first three fits"),
    "question": _lazy("It asks something about the company"),
    "several": _lazy("It asks several things at once"),
    "person": _lazy("It needs a person"),
    "smalltalk": _lazy("It is small talk"),
    "refuse": _lazy("It tries to bend the bot"),
}
REASONS = {
    "sure_of_entry": _lazy("One approved answer fits well enough."),
    "own_question": _lazy("The customer asked an approved answer's own question."),
    "several_questions": _lazy("There were several questions, and an answer for each."),
    "entries_compete": _lazy("Several answers could be meant, so the bot asked which."),
    "nothing_fits": _lazy("No approved answer fits well enough."),
    "no_answers": _lazy("There are no approved answers yet."),
    "wants_person": _lazy("The customer asked for a person."),
    "accepted_person": _lazy("The customer accepted the offer of a person."),
    "complaint": _lazy("It read like a complaint."),
    "bends_the_bot": _lazy("The message tried to change what the bot is."),
    "smalltalk": _lazy("It was small talk."),
    "answers_contradict": _lazy("Approved answers to the same question say different things."),
    "other_language": _lazy("It was in a language that the bot doesn't know."),
    "no_words": _lazy("There were no words in it."),
    "attempts_exhausted": _lazy("No worker finished it in time."),
}
_THRESHOLD_OF = {
    "answer": "answer",
    "clarify": "clarify",
    "several": "several",
    "person": "intent",
    "smalltalk": "person_or_smalltalk",
    "refuse": "intent",
}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A probability from 0 to 1; `threshold`: what it had to reach, None when nothing hangs on it."""

    label: str
    share: float
    threshold: float | None = None

    @property
    def width(self) -> float:
        return round(100 * self.share, 1)

    @property
    def tick(self) -> float | None:
        return None if self.threshold is None else round(100 * self.threshold, 1)

    @property
    def is_reached(self) -> bool:
        return self.threshold is not None and self.share >= self.threshold


@dataclass(frozen=True, kw_only=True)
class Source:
    id: str
    question: str
    score: float | None
    pieces: Sequence[Piece]  # marked: what the reply rests on


@dataclass(frozen=True, kw_only=True)
class Why:
    reason: str
    bars: Sequence[Bar]
    considered: Sequence[Bar]
    sources: Sequence[Source]


def why_of(reply: Reply) -> Why:
    decision = reply.decision or {}
    thresholds = decision.get("thresholds", {})
    return Why(
        reason=str(REASONS.get(decision.get("reason", ""), "")),
        bars=sorted(_bars(decision.get("probabilities", {}), thresholds), key=lambda bar: -bar.share),
        considered=[
            Bar(label=str(entry.get("question") or entry.get("id")), share=_share(entry.get("score")))
            for entry in decision.get("entries", [])
        ],
        sources=[_source(number, source, reply.support or []) for number, source in enumerate(reply.sources)],
    )


def _bars(probabilities: dict[str, float], thresholds: dict[str, float]) -> Iterator[Bar]:
    for name, share in probabilities.items():
        threshold = thresholds.get(_THRESHOLD_OF.get(name, ""))
        yield Bar(label=str(_LABELS.get(name, name)), share=_share(share), threshold=threshold)


def _share(value: object) -> float:
    return min(max(float(value), 0.0), 1.0) if isinstance(value, int | float) else 0.0


def _source(number: int, source: dict[str, Any], support: Sequence[dict[str, int]]) -> Source:
    used = [(s["source_start"], s["source_end"]) for s in support if s.get("source") == number]
    return Source(
        id=str(source.get("id", "")),
        question=str(source.get("question") or source.get("id") or _("An approved answer")),
        score=source.get("score"),
        pieces=pieces_of(str(source.get("text", "")), used),
    )
