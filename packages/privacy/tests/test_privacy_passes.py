"""Which sizes of a picture are looked at, and in which tiles."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nflows_privacy.detection import Look
from nflows_privacy.detection.passes import TILE, passes, resized, tiles
from nflows_privacy.regions import Box

sides = st.integers(1, 20_000)


@settings(deadline=None)
@given(sides, sides, st.sampled_from([Look.THOROUGH, Look.CHECK]))
def test_what_is_large_enough_is_seen_32_to_64_pixels_wide_or_by_the_smallest_pass(
    height: int, width: int, look: Look
) -> None:
    planned = passes(height, width, look)
    assert [one.widest for one in planned] == [64] * (len(planned) - 1) + [math.inf]
    assert all(larger.scale == pytest.approx(2 * smaller.scale) for larger, smaller in pairwise(planned))
    least = 32 / planned[0].scale
    for share in np.linspace(0, 1, 17):
        thing = least ** (1 - share) * (max(height, width) + least) ** share
        assert any(32 <= thing * one.scale * (1 + 1e-9) < 64.001 for one in planned) or thing * planned[-1].scale >= 32


@settings(deadline=None)
@given(sides, sides)
def test_no_look_is_coarser_than_the_picture_but_quick_ones_and_checks_of_large_ones(height: int, width: int) -> None:
    side = max(height, width)
    for look in Look:
        scale = passes(height, width, look)[0].scale
        assert scale <= 4
        assert scale >= 1 or look.is_quick or (look is Look.CHECK and side * 1.5 > TILE)
        assert scale >= 0.7 or look.is_quick
        assert scale * side <= max(TILE, 1.5 * side)
    quick = passes(height, width, Look.QUICK)
    assert quick[0].scale * side <= 1600.001
    check = passes(height, width, Look.QUICK_CHECK)
    assert [one.scale / math.sqrt(0.5) for one in check] == pytest.approx([one.scale for one in quick])
    assert [one.widest for one in quick] == [one.widest for one in check] == [128, math.inf]


def test_the_check_looks_at_no_size_that_detection_looks_at() -> None:
    for side in (100, 640, 1080, 1920, 4000, 12_000):
        thorough, check = (
            {round(math.log2(one.scale), 2) for one in passes(side, side, look)} for look in (Look.THOROUGH, Look.CHECK)
        )
        assert not thorough & check


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 2881), (7, 12_000), (9000, 4), (3000, 3000)])
@pytest.mark.parametrize("scale", [1.0, 1.4142, 0.5])
def test_tiles_share_the_picture_among_them(height: int, width: int, scale: float) -> None:
    rows, columns = np.arange(height) + 0.5, np.arange(width) + 0.5
    owners = np.zeros((height, width), np.uint8)
    for tile in tiles(np.zeros((height, width, 3), np.uint8), scale):
        assert max(tile.pixels.shape) <= TILE + 1
        down = (rows >= tile.core.top) & (rows < tile.core.bottom)
        across = (columns >= tile.core.left) & (columns < tile.core.right)
        owners[np.ix_(down, across)] += 1
        reach = 64 / scale  # half of what counts where there are several tiles
        assert tile.place.top == 0 or rows[down][0] - reach >= tile.place.top
        assert tile.place.right == width or columns[across][-1] + reach <= tile.place.right
    assert (owners == 1).all()


def test_a_tile_shows_what_is_at_its_place() -> None:
    pixels = np.zeros((40, 6000, 3), np.uint8)
    pixels[10:20, 3000:3010] = 255
    shown = 0.0
    for tile in tiles(pixels, 1.0):
        rows, columns = np.nonzero(tile.pixels[..., 0])
        if len(rows):
            assert Box(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1).moved(
                tile.place.left, tile.place.top
            ) == Box(3000, 10, 3010, 20)
            shown += 1
    assert shown >= 1


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0.05, 4))
def test_one_colour_stays_that_colour_at_any_size(height: int, width: int, scale: float) -> None:
    pixels = np.full((height, width, 3), 77, np.uint8)
    enlarged = resized(pixels, scale)
    assert enlarged.shape == (max(1, round(height * scale)), max(1, round(width * scale)), 3)
    assert (enlarged == 77).all()
