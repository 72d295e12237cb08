"""Views judged together: known values and what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_core.classification import fused, fused_by_item


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
