"""The unusual pixels of a scene, and their groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.windows import Window
from scipy.ndimage import label

from geo_files import make_grid
from nflows_geo.anomaly.unusual import Gathered, Unusual, group


def scored(seed: int, height: int = 9, width: int = 7) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Scores with some nodata, and a block of two bands."""
    random = np.random.default_rng(seed)
    scores, block = random.random((height, width), np.float32), random.random((2, height, width), np.float32)
    scores[0, :2] = np.nan
    return scores, block


def whole(scores: NDArray[np.float32], block: NDArray[np.float32], threshold: float) -> Unusual:
    height, width = scores.shape
    return Unusual.of_block(scores, block, Window(0, 0, width, height), width, threshold)


def gathered(scores: NDArray[np.float32], block: NDArray[np.float32], side: int, most: int) -> Unusual:
    gathered = Gathered(len(block), most)
    for tile in make_grid(*scores.shape[::-1]).tiles(side):
        slices = tile.core.toslices()
        gathered.add(Unusual.of_block(scores[slices], block[:, *slices], tile.core, scores.shape[1], 0.5))
    return gathered.pixels()


@given(st.integers(0, 2**31), st.integers(1, 9))
def test_tiles_gather_what_the_whole_scene_has(seed: int, side: int) -> None:
    scores, block = scored(seed)
    tiled, expected = gathered(scores, block, side, 1000), whole(scores, block, 0.5)
    order = np.argsort(tiled.places)
    np.testing.assert_array_equal(tiled.places[order], expected.places)
    np.testing.assert_array_equal(tiled.scores[order], expected.scores)
    np.testing.assert_array_equal(tiled.spectra[order], expected.spectra)


@given(st.integers(0, 2**31), st.integers(1, 9), st.integers(1, 12))
def test_only_the_highest_are_kept(seed: int, side: int, most: int) -> None:
    scores, block = scored(seed)
    above = np.sort(scores[scores > 0.5])
    np.testing.assert_array_equal(np.sort(gathered(scores, block, side, most).scores), above[-most:])


@settings(deadline=None)
@given(st.integers(0, 2**31), st.floats(0.2, 0.9))
def test_groups_are_the_connected_pixels(seed: int, threshold: float) -> None:
    scores, block = scored(seed)
    groups, total = group(whole(scores, block, threshold), 7, 1000)
    labels, count = label(scores > threshold)
    assert total == count == len(groups)
    assert np.all(np.diff(groups.scores) <= 0)
    for peak, score, spectrum, members in zip(groups.peaks, groups.scores, groups.spectra, groups.members, strict=True):
        same = labels == labels.flat[peak]
        np.testing.assert_array_equal(members, np.flatnonzero(same))
        assert scores.flat[peak] == score == scores[same].max()
        np.testing.assert_allclose(spectrum, block[:, same].mean(1), rtol=1e-6)


def test_the_last_column_does_not_touch_the_first() -> None:
    unusual = Unusual(np.array([6, 7]), np.ones(2, np.float32), np.ones((2, 3), np.float32))
    assert group(unusual, 7, 10)[1] == 2
    assert group(unusual, 8, 10)[1] == 1


@pytest.mark.parametrize("most", [1, 10])
def test_no_unusual_pixel_makes_no_group(most: int) -> None:
    groups, total = group(Unusual.none(3), 7, most)
    assert (len(groups), total, groups.spectra.shape) == (0, 0, (0, 3))
