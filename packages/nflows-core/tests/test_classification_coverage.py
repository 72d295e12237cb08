"""Answers that are withheld: known values, a coverage that falls with the threshold, and bad input."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nflows_core.classification import Coverage, coverage_at, coverage_curve
from nflows_core.runtime.intervals import wilson

items = st.lists(st.tuples(st.sampled_from([0.2, 0.4, 0.5, 0.9, 1.0]), st.booleans()), min_size=1, max_size=40)


def test_the_curve_is_that_by_hand() -> None:
    curve = coverage_curve([0.9, 0.6, 0.6, 0.3, 0.8], [True, True, False, False, True])
    assert curve == [Coverage(0.3, 5, 5, 3), Coverage(0.6, 5, 4, 3), Coverage(0.8, 5, 2, 2), Coverage(0.9, 5, 1, 1)]
    assert [point.coverage for point in curve] == [1, 0.8, 0.4, 0.2]
    assert [point.accuracy for point in curve] == [0.6, 0.75, 1, 1]


@given(items)
def test_coverage_falls_with_the_threshold_from_everything_on(pairs: list[tuple[float, bool]]) -> None:
    certainty, is_right = zip(*pairs, strict=True)
    curve = coverage_curve(certainty, is_right)
    assert curve[0].coverage == 1
    assert curve[0].right == sum(is_right)
    assert [point.threshold for point in curve] == sorted(set(certainty))
    for before, after in pairwise(curve):
        assert before.coverage > after.coverage
        assert before.right >= after.right


@given(items, st.randoms(use_true_random=False))
def test_each_point_is_what_is_answered_there_whatever_the_order(
    pairs: list[tuple[float, bool]], random: Random
) -> None:
    certainty, is_right = zip(*pairs, strict=True)
    curve = coverage_curve(certainty, is_right)
    assert curve == [coverage_at(certainty, is_right, point.threshold) for point in curve]
    random.shuffle(pairs)
    assert coverage_curve(*zip(*pairs, strict=True)) == curve


def test_between_two_certainties_the_higher_decides_and_above_all_nothing_is_said() -> None:
    assert coverage_at([0.3, 0.8], [True, False], 0.5) == Coverage(0.5, 2, 1, 0)
    nothing = coverage_at([0.3, 0.8], [True, False], 0.9)
    assert (nothing.coverage, nothing.accuracy) == (0, None)
    assert nothing.row()["accuracy_interval_95"] is None


def test_a_row_has_counts_and_intervals_with_its_rates() -> None:
    row = Coverage(0.5, 40, 30, 21).row()
    assert (row["items"], row["answered"], row["right"]) == (40, 30, 21)
    assert (row["coverage"], row["accuracy"]) == (0.75, 0.7)
    assert row["coverage_interval_95"] == list(wilson(30, 40))
    assert row["accuracy_interval_95"] == list(wilson(21, 30))


def test_what_is_no_test_is_refused() -> None:
    for certainty, is_right in (([], []), ([0.5], [True, False]), ([[0.5]], [[True]])):
        with pytest.raises(ValueError, match="are of the same items, at least one"):
            coverage_curve(certainty, is_right)
    with pytest.raises(ValueError, match="values that are no numbers"):
        coverage_at([0.5, float("nan")], [True, True], 0.5)
