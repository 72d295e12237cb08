"""Purity and its interval: known values and what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_agri.inspection.purity import pure_counts, purity


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


def test_pure_against_impure_counts_what_lies_on_each_side() -> None:
    counts = np.array([[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    assert pure_counts(counts, "abcd", ["a", "c"]).tolist() == [[3, 1], [1, 1]]
