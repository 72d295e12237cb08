from __future__ import annotations

import math

import numpy as np
import pytest
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.crs import CRS
from rasterio.transform import from_origin

from geo_files import make_grid
from nflows_geo.raster import Grid, GridMismatchError, finest


@settings(deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 50), st.integers(0, 9))
def test_tiles_cover_every_pixel_once(width: int, height: int, size: int, margin: int) -> None:
    grid = make_grid(width, height)
    pixels = np.arange(width * height).reshape(height, width)
    seen = np.zeros((height, width), int)
    for tile in grid.tiles(size, margin):
        rows, columns = tile.core.toslices()
        seen[rows, columns] += 1
        assert np.array_equal(tile.crop(pixels[tile.padded.toslices()]), pixels[rows, columns])
    assert (seen == 1).all()


def test_margins_end_at_the_edge() -> None:
    first, *_, last = make_grid(30, 20).tiles(10, 3)
    assert (first.padded.col_off, first.padded.row_off, first.padded.width, first.padded.height) == (0, 0, 13, 13)
    assert (last.padded.col_off, last.padded.row_off, last.padded.width, last.padded.height) == (17, 7, 13, 13)


@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_position_is_the_inverse_of_place(column: float, row: float) -> None:
    grid = make_grid()
    assert grid.position(*grid.place(column, row)) == pytest.approx((column, row), abs=1e-6)


@pytest.mark.parametrize(
    ("coarse", "factor"),
    [
        (make_grid(60, 40, 15), 1),
        (make_grid(30, 20, 30), 2),
        (make_grid(30, 20, 30, east=45), 2),
        (make_grid(30, 20, 30, east=7.5), 0),
        (make_grid(30, 20, 30, east=0.1), 2),
        (make_grid(30, 20, 40), 0),
        (make_grid(120, 80, 7.5), 0),
        (make_grid(3000, 20, 30.01), 0),
    ],
)
def test_nesting(coarse: Grid, factor: int) -> None:
    assert coarse.factor(make_grid(60, 40, 15)) == factor


def test_the_same_pixels() -> None:
    grid = make_grid()
    assert grid.same_as(make_grid(east=0.2))
    assert not grid.same_as(make_grid(east=2.3))
    assert not grid.same_as(make_grid(width=31))
    assert not grid.same_as(Grid(CRS.from_epsg(32640), grid.transform, grid.width, grid.height))


def test_the_finest_is_that_with_the_smallest_pixels_on_the_ground() -> None:
    degrees = Grid(CRS.from_epsg(4326), from_origin(61, 29, 1e-4, 1e-4), 10, 10)
    assert finest([make_grid(size=30), make_grid(size=15), make_grid(size=15, east=15)]) == make_grid(size=15)
    assert finest([make_grid(size=30), degrees]) == degrees
    assert degrees.metres[0] == pytest.approx(111_195 * math.cos(math.radians(29)), rel=1e-4)


def test_a_mismatch_shows_both_grids_and_the_offset() -> None:
    message = str(GridMismatchError("labels.tif", make_grid(east=2.283, south=-2.844), "the scene", make_grid()))
    assert "2.28 m east, 2.84 m north" in message
    assert "`align` resamples it" in message
    assert "labels.tif: EPSG:32641, 30 x 20 pixels of 30 m from (300002.283, 3200042.844)" in message
    assert "the scene: EPSG:32641, 30 x 20 pixels of 30 m from (300000, 3200040)" in message
    assert len(message.splitlines()) == 2


@pytest.mark.parametrize(
    "transform", [Affine(30, 1, 0, 0, -30, 0), Affine(30, 0, 0, 0, 30, 0), Affine(-30, 0, 0, 0, -30, 0)]
)
def test_rotated_and_flipped_grids(transform: Affine) -> None:
    with pytest.raises(ValueError, match="rotated or flipped; warp it north up first"):
        Grid(CRS.from_epsg(32641), transform, 3, 3)


def test_another_place_cannot_be_aligned() -> None:
    message = str(GridMismatchError("a.tif", make_grid(east=9000), "b.tif", make_grid()))
    assert "they do not overlap; check that both are of the same place" in message
    assert "--align" not in message
