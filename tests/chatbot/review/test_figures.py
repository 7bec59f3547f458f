"""The rate of right replies and the reviewers' agreement, against figures worked out by hand."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chatbot.review import queue, services
from chatbot.review.agreement import cohens_kappa, pooled
from chatbot.review.figures import figures, progress
from tests.chatbot.review.conftest import ask

pytestmark = pytest.mark.django_db


def month():
    return figures(since=timezone.now() - timedelta(days=30))


def test_kappa_is_what_cohens_formula_gives():
    # both yes 20, both no 15, only the first yes 5, only the second 10: observed 0.7, expected 0.5
    kappa = cohens_kappa({("yes", "yes"): 20, ("no", "no"): 15, ("yes", "no"): 5, ("no", "yes"): 10})
    assert kappa.value == pytest.approx(0.4) and kappa.num_items == 50


def test_kappa_is_undefined_without_items_or_without_any_difference():
    assert cohens_kappa({}).value is None
    assert cohens_kappa({("yes", "yes"): 9}).value is None
    assert pooled({}).num_items == 0


def test_the_rate_counts_the_sample_alone_with_its_interval(alice, monkeypatch):
    monkeypatch.setattr(queue, "is_drawn", lambda message_id: is_drawn)
    is_drawn = True
    drawn = [ask(f"drawn {n}") for n in range(10)]
    queue.fill_queue()
    is_drawn = False
    risky = ask("risky", action="decline")
    queue.look_again(risky.pk)
    for n, message in enumerate(drawn[:8]):
        services.review_turn(message=message, reviewer=alice, verdict="right" if n < 6 else "wrong_entry")
    services.review_turn(message=risky, reviewer=alice, verdict="missing_answer")
    found = month()
    assert (found.right.num, found.right.total, found.num_sampled) == (6, 8, 10)
    assert found.right.interval == pytest.approx((0.409, 0.929), abs=0.001)  # Wilson's, by hand


def test_where_two_differ_the_pick_of_an_admin_counts(alice, dora, bob, monkeypatch):
    monkeypatch.setattr(queue, "is_drawn", lambda message_id: True)
    message = ask("drawn")
    queue.fill_queue()
    services.review_turn(message=message, reviewer=alice, verdict="wrong_entry")
    right = services.review_turn(message=message, reviewer=dora, verdict="right")
    assert month().right.num == 0
    with pytest.raises(PermissionError):
        services.pick(review=right, by=alice)
    services.pick(review=right, by=bob)
    assert month().right.num == 1
    services.pick(review=message.reviews.get(reviewer=alice), by=bob)
    assert month().right.num == 0 and message.reviews.filter(is_authoritative=True).count() == 1


def test_agreement_is_told_per_pair_and_over_all(alice, dora, bob):
    for n, (first, second) in enumerate([("right", "right"), ("right", "wrong_entry"), ("wrong_entry", "wrong_entry")]):
        message = ask(f"turn {n}")
        services.review_turn(message=message, reviewer=dora, verdict=second)
        services.review_turn(message=message, reviewer=alice, verdict=first)
    services.review_turn(message=message, reviewer=bob, verdict="wrong_entry")
    found = month()
    assert {(pair.first, pair.second): pair.kappa.num_items for pair in found.pairs} == {
        ("alice", "dora"): 3,
        ("alice", "bob"): 1,
        ("dora", "bob"): 1,
    }
    assert found.pairs[0].kappa.value == pytest.approx(0.4)
    assert found.overall.num_items == 5


def test_progress_counts_what_waits_for_me_and_what_i_did_today(alice, dora, monkeypatch):
    monkeypatch.setattr(queue, "is_drawn", lambda message_id: False)
    messages = [ask(f"declined {n}", action="decline") for n in range(3)]
    queue.fill_queue()
    services.review_turn(message=messages[0], reviewer=alice, verdict="right")
    today = timezone.now() - timedelta(hours=1)
    mine, others = progress(reviewer=alice, today=today), progress(reviewer=dora, today=today)
    assert (mine.num_at_risk, mine.num_today) == (2, 1)
    assert (others.num_at_risk, others.num_today) == (3, 0)
