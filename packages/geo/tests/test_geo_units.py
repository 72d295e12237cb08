from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nflows_geo.mapping.unit_sums import UnitSums


def made_up(seed: int, size: int = 12, count: int = 4):
    random = np.random.default_rng(seed)
    units = random.integers(0, count + 1, (size, size)).astype(np.uint8)
    block = random.uniform(0, 1, (3, size, size)).astype(np.float32)
    block[:, units == 0] = np.nan
    return units, block


@given(st.integers(0, 2**31), st.integers(1, 11))
def test_sums_do_not_depend_on_the_blocks(seed, row):
    units, block = made_up(seed)
    whole = UnitSums.of_block(units, block, 4)
    parts = UnitSums.of_block(units[:row], block[:, :row], 4) + UnitSums.of_block(units[row:], block[:, row:], 4)
    assert np.array_equal(whole.pixels, parts.pixels)
    np.testing.assert_allclose(whole.sums, parts.sums, rtol=1e-12)


def test_means_and_deviations_are_those_of_numpy():
    units, block = made_up(0)
    sums = UnitSums.of_block(units, block, 4)
    for unit in range(1, 5):
        spectra = block[:, units == unit].astype(np.float64)
        np.testing.assert_allclose(sums.means[unit - 1], spectra.mean(axis=1))
        np.testing.assert_allclose(sums.deviations[unit - 1], spectra.std(axis=1))


def test_a_unit_without_pixels_has_no_spectrum():
    sums = UnitSums.of_block(np.ones((2, 2), np.uint8), np.ones((3, 2, 2), np.float32), 2)
    assert np.isnan(sums.means[1]).all()
    assert sums.pixels.tolist() == [0, 4, 0]
