"""What the reviews say together: the rate of right replies, and how far reviewers agree.

The rate comes from the random sample alone. A turn counts as its authoritative review says; without one, as most say;
a tie counts as not right. A reply whose customer's sentiment was misread is a right reply.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import Count, F

from chatbot.insight.statistics import Share
from chatbot.review.agreement import Kappa, Pair, pairs_of, pooled
from chatbot.review.models import QueueItem, Review

MAX_COUNTED = 999
_RIGHT = {Review.Verdict.RIGHT, Review.Verdict.SENTIMENT_WRONG}


@dataclass(frozen=True)
class Figures:
    """`right`: of the sampled turns that somebody judged; `num_sampled`: of all that were drawn."""

    right: Share
    num_sampled: int
    pairs: list[Pair]
    overall: Kappa


def figures(*, since: datetime) -> Figures:
    """Of what was asked or reviewed since then."""
    tables = _tables(since)
    drawn = QueueItem.objects.filter(is_sampled=True, at__gte=since)
    return Figures(_right(since), drawn.count(), pairs_of(tables), pooled(tables))


def _right(since: datetime) -> Share:
    rows = Review.objects.filter(message__queue_item__is_sampled=True, message__queue_item__at__gte=since)
    by_turn: dict[int, list[tuple[str, bool]]] = defaultdict(list)
    for message, verdict, is_authoritative in rows.values_list("message", "verdict", "is_authoritative"):
        by_turn[message].append((verdict, is_authoritative))
    return Share(sum(_is_right(said) for said in by_turn.values()), len(by_turn))


def _is_right(said: list[tuple[str, bool]]) -> bool:
    counting = [verdict for verdict, is_authoritative in said if is_authoritative] or [verdict for verdict, _ in said]
    return sum(verdict in _RIGHT for verdict in counting) * 2 > len(counting)


def _tables(since: datetime) -> dict[tuple[str, str], dict[tuple[str, str], int]]:
    """For each two reviewers, the earlier account first, how often they said what of the same turn."""
    both = Review.objects.filter(reviewed_at__gte=since, message__reviews__reviewer__gt=F("reviewer"))
    columns = ("reviewer", "message__reviews__reviewer", "verdict", "message__reviews__verdict")
    counted = list(both.values_list(*columns).annotate(num=Count("pk")).order_by())
    people = User.objects.in_bulk({pk for row in counted for pk in row[:2]})
    tables: dict[tuple[str, str], dict[tuple[str, str], int]] = defaultdict(dict)
    for first, second, said, other, num in counted:
        tables[people[first].username, people[second].username][said, other] = num
    return tables


@dataclass(frozen=True)
class Progress:
    """`num_at_risk`, `num_sampled`: waiting for this reviewer; `num_disputed`: for an admin. MAX_COUNTED + 1 at most."""

    num_at_risk: int
    num_sampled: int
    num_disputed: int
    num_today: int


def progress(*, reviewer: AbstractBaseUser | AnonymousUser, today: datetime) -> Progress:
    """Of one reviewer; `today`: when their day began."""
    waiting = QueueItem.objects.not_yet_by(reviewer)
    return Progress(
        num_at_risk=waiting.at_risk().order_by()[: MAX_COUNTED + 1].count(),
        num_sampled=waiting.sampled().order_by()[: MAX_COUNTED + 1].count(),
        num_disputed=QueueItem.objects.disputed().order_by()[: MAX_COUNTED + 1].count(),
        num_today=Review.objects.filter(reviewer=reviewer.pk, reviewed_at__gte=today).count(),
    )
