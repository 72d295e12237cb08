"""Blocks of a scene, and the spectra in them."""

from __future__ import annotations

import numpy as np
import pytest

from nflows_geo.spectra import as_block, spectra_at, valid_pixels


def test_spectra_go_back_where_they_came_from() -> None:
    block = np.random.default_rng(0).random((3, 5, 7), np.float32)
    block[:, 1, 2:4] = np.nan
    valid = valid_pixels(block)
    assert np.argwhere(~valid).tolist() == [[1, 2], [1, 3]]
    assert spectra_at(block, valid).shape == (33, 3)
    np.testing.assert_array_equal(as_block(spectra_at(block, valid), valid, np.nan), block)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_one_value_a_pixel_keeps_its_type(dtype: type[np.generic]) -> None:
    pixels = np.array([[True, False, True], [False, False, True]])
    block = as_block(np.array([1, 2, 3], dtype), pixels, 0)
    assert block.dtype == dtype
    assert block.tolist() == [[1, 0, 2], [0, 0, 3]]
