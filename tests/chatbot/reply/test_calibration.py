"""Whether probabilities can be believed, on judgements made up so that the answer is known."""

import pytest

from chatbot.reply.calibration import bins_of, calibration_error, write_plot


def _judgements(probability, num_right, num_wrong):
    return [(probability, True)] * num_right + [(probability, False)] * num_wrong


def test_what_is_as_sure_as_right_has_no_error():
    bins = bins_of([*_judgements(0.25, 1, 3), *_judgements(0.75, 3, 1)])
    assert [one.count for one in bins] == [4, 4]
    assert calibration_error(bins) == 0


def test_the_error_is_the_mean_gap_weighed_by_how_many():
    bins = bins_of([*_judgements(0.9, 3, 3), *_judgements(0.2, 0, 2)])
    assert calibration_error(bins) == pytest.approx((6 * 0.4 + 2 * 0.2) / 8)


def test_a_probability_of_one_belongs_to_the_last_tenth():
    (only,) = bins_of([(1.0, True), (0.95, True)])
    assert only.count == 2


def test_nothing_judged_has_no_error():
    assert calibration_error(bins_of([])) == 0


def test_the_plot_says_what_each_bar_means(tmp_path):
    path = tmp_path / "made" / "plot.svg"
    write_plot(bins_of(_judgements(0.8, 3, 1)), path, title="A < B")
    text = path.read_text()
    assert "4 at 80%: 75% right" in text
    assert "A &lt; B" in text
