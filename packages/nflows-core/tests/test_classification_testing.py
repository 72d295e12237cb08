"""The measures of a test: known values, whole groups, and the worst mistakes."""

from __future__ import annotations

import numpy as np
import pytest

from nflows_core.classification import Tested, confusion, macro_f1
from nflows_core.classification.testing import class_row


def test_figures_of_a_test_are_those_by_hand() -> None:
    labels, found = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 0, 0])
    counts = confusion(labels, found, 4)
    assert counts.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert macro_f1(counts) == pytest.approx((4 / 7 + 2 / 4 + 0) / 3), "the class that nothing is of does not count"
    row = class_row("a", counts, 0)
    assert (row["recall"], row["precision"], row["f1"]) == (2 / 3, 0.5, 4 / 7)
    assert class_row("d", counts, 3)["recall"] is None
    assert class_row("a", counts, 0, "scenes")["scenes"] == 3


def test_the_interval_of_groups_is_wider_than_that_of_pictures() -> None:
    """Each group is all right or all wrong: their number counts, and not that of the pictures."""
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
