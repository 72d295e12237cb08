from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nflows_geo.mapping.unit_sums import UnitSums


def made_up(seed: int, size: int = 12, count: int = 4):
    random = np.random.default_rng(seed)
    units = random.integers(0, count + 1, (size, size)).astype(np.uint8)
    block = random.uniform(0, 1, (3, size, size)).astype(np.float32)
    block[:, units == 0] = np.nan
    return units, block, random.uniform(1, 2, (size, size))


@given(st.integers(0, 2**31), st.integers(1, 11))
def test_sums_do_not_depend_on_the_blocks(seed, row):
    units, block, areas = made_up(seed)
    whole = UnitSums.of_block(units, block, 4, areas)
    above, below = (np.s_[..., :row, :], np.s_[..., row:, :])
    parts = sum((UnitSums.of_block(units[at], block[at], 4, areas[at]) for at in (above, below)), UnitSums.none(4, 3))
    assert np.array_equal(whole.pixels, parts.pixels)
    np.testing.assert_allclose(whole.sums, parts.sums, rtol=1e-12)
    np.testing.assert_allclose(whole.areas, parts.areas, rtol=1e-12)
    assert whole.areas[2] == pytest.approx(areas[units == 2].sum())


def test_means_and_deviations_are_those_of_numpy():
    units, block, areas = made_up(0)
    sums = UnitSums.of_block(units, block, 4, areas)
    for unit in range(1, 5):
        spectra = block[:, units == unit].astype(np.float64)
        np.testing.assert_allclose(sums.means[unit - 1], spectra.mean(axis=1))
        np.testing.assert_allclose(sums.deviations[unit - 1], spectra.std(axis=1))


def test_a_unit_without_pixels_has_no_spectrum():
    sums = UnitSums.of_block(np.ones((2, 2), np.uint8), np.ones((3, 2, 2), np.float32), 2, np.full((2, 2), 0.5))
    assert np.isnan(sums.means[1]).all()
    assert (sums.pixels.tolist(), sums.areas.tolist()) == ([0, 4, 0], [0, 2, 0])
