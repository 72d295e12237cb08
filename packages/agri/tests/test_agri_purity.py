"""Purity and its interval, the measures of a test, and views judged together: known values and what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_agri.inspection.purity import purity
from nflows_agri.inspection.testing import Tested, class_row, confusion, macro_f1, pure_counts
from nflows_agri.inspection.views import fused, fused_by_item


def test_a_classifier_without_errors_corrects_nothing() -> None:
    found = purity(30, 40, np.array([[50, 0], [0, 70]]))
    assert found.corrected is not None
    assert found.corrected[0] == found.counted[0] == 0.75
    widths = [high - low for _, low, high in (found.counted, found.corrected)]
    assert widths[1] > widths[0], "that no test crop was wrong does not mean that none ever is"


def test_the_correction_undoes_known_errors() -> None:
    """Of 1,000 crops 600 are pure; .9 of them and .2 of the others are found so."""
    found = purity(540 + 80, 1000, np.array([[90, 10], [20, 80]]))
    assert found.corrected is not None
    assert found.corrected[0] == pytest.approx(0.6)
    assert (found.sensitivity, found.specificity) == (0.9, 0.8)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    held = {}
    for share, sensitivity, specificity in [(0.6, 0.9, 0.8), (0.95, 0.85, 0.7), (0.99, 0.97, 0.95), (0.5, 0.7, 0.6)]:
        covered = 0
        for _ in range(400):
            pure, impure = generator.binomial(120, sensitivity), generator.binomial(80, specificity)
            chance = share * sensitivity + (1 - share) * (1 - specificity)
            found = purity(generator.binomial(300, chance), 300, np.array([[pure, 120 - pure], [80 - impure, impure]]))
            assert found.corrected is not None
            covered += found.corrected[1] <= share <= found.corrected[2]
        held[share] = covered / 400
    assert all(rate > 0.92 for rate in held.values()), held


@given(
    st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(lambda n: n[0] + n[1] > 0 < n[2] + n[3]),
    st.integers(1, 100),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_shares_lie_in_their_intervals_and_these_between_nothing_and_all(
    counts: list[int], crops: int, data: st.DataObject
) -> None:
    found = purity(data.draw(st.integers(0, crops)), crops, np.array(counts).reshape(2, 2))
    for share in (found.counted, found.corrected):
        if share is not None:
            assert -1e-9 <= share[1] <= share[0] + 1e-9
            assert share[0] - 1e-9 <= share[2] <= 1 + 1e-9


def test_a_classifier_as_good_as_a_coin_corrects_nothing() -> None:
    assert purity(5, 10, np.array([[5, 5], [5, 5]])).corrected is None
    with pytest.raises(ValueError, match="tested on no impure crops"):
        purity(5, 10, np.array([[5, 5], [0, 0]]))
    with pytest.raises(ValueError, match="there is none to judge"):
        purity(0, 0, np.array([[5, 5], [5, 5]]))


def test_figures_of_a_test_are_those_by_hand() -> None:
    labels, found = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0])
    counts = confusion(labels, found, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert macro_f1(counts) == pytest.approx((4 / 7 + 2 / 4 + 0) / 3), "the class that nothing is of does not count"
    row = class_row("a", counts, 0)
    assert (row["recall"], row["precision"], row["f1"]) == (2 / 3, 0.5, 4 / 7)
    assert class_row("d", counts, 3)["recall"] is None
    assert pure_counts(counts, "abcd", ["a", "c"]).tolist() == [[3, 1], [1, 1]]


def test_the_interval_of_photographs_is_wider_than_that_of_crops() -> None:
    """Each photograph is all right or all wrong: their number counts, and not that of the crops."""
    labels = np.tile([0, 1], 60)
    groups = np.repeat([f"g{number}" for number in range(12)], 10)
    wrong = np.isin(groups, ["g0", "g1", "g2"])
    chances = np.eye(2)[np.where(wrong, 1 - labels, labels)]
    intervals = [
        Tested(("a", "b"), labels, chances, [], of).macro_f1_interval(0) for of in (groups, np.arange(120).astype(str))
    ]
    widths = [high - low for low, high in filter(None, intervals)]
    assert widths[0] > 2 * widths[1]


def test_the_worst_mistakes_come_first() -> None:
    chances = np.array([[0.4, 0.6], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    tested = Tested(("a", "b"), np.array([0, 0, 0, 1]), chances, [], np.array(["g"] * 4))
    assert tested.worst(5) == [1, 0]


@given(st.integers(1, 5), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_views_are_fused_as_their_product_whatever_their_order(views: int, classes: int, seed: int) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.ones(classes), views)
    together = fused(rows)
    expected = rows.prod(0) ** (1 / views)
    np.testing.assert_allclose(together, expected / expected.sum(), atol=1e-9)
    np.testing.assert_allclose(together, fused(rows[::-1]))
    np.testing.assert_allclose(fused(np.repeat(rows[:1], views, 0)), rows[0], atol=1e-9)


def test_things_are_judged_by_all_their_views() -> None:
    rows = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
    together = fused_by_item(rows, ["seed", "other", "seed"])
    assert list(together) == ["seed", "other"]
    assert together["seed"].tolist() == pytest.approx([0.6, 0.4])
    with pytest.raises(ValueError, match="a row of each view that sums to 1"):
        fused(np.zeros((2, 2)))
    assert fused([[1.0, 0.0], [0.5, 0.5]])[1] > 0, "one view that is certain does not silence the other"
