"""How small patches of a map join others: what stays, what goes, and where to."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, label

from geo_files import numbers, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.mapping.patches import without_small_patches

call = partial(call_command, geo)

Map = NDArray[np.uint8]
MAPS = st.tuples(st.integers(1, 14), st.integers(1, 14)).flatmap(
    lambda shape: arrays(np.uint8, shape, elements=st.integers(0, 3))
)


def patches(classes: Map) -> list[NDArray[np.bool_]]:
    """The pixels of each group of one unit that touch by their sides."""
    found = []
    for unit in np.unique(classes[classes > 0]):
        groups, count = label(classes == unit)
        found += [groups == number for number in range(1, count + 1)]
    return found


def has_neighbour(patch: NDArray[np.bool_], classes: Map) -> bool:
    return bool((binary_dilation(patch) & ~patch & (classes > 0)).any())


@settings(deadline=None)
@given(MAPS, st.integers(2, 60))
def test_no_small_patch_with_a_neighbour_is_left(classes: Map, least: int) -> None:
    merged = without_small_patches(classes, least)
    assert ((merged == 0) == (classes == 0)).all()
    assert not any(patch.sum() < least and has_neighbour(patch, merged) for patch in patches(merged))


@settings(deadline=None)
@given(MAPS, st.integers(2, 60))
def test_patches_that_are_large_enough_keep_every_pixel(classes: Map, least: int) -> None:
    merged = without_small_patches(classes, least)
    for patch in patches(classes):
        if patch.sum() >= least or not has_neighbour(patch, classes):
            assert (merged[patch] == classes[patch]).all()
    # No ground gets a unit that it had nowhere.
    ground, count = label(classes > 0)
    for number in range(1, count + 1):
        assert set(merged[ground == number]) <= set(classes[ground == number])


@settings(deadline=None)
@given(MAPS, st.integers(1, 60))
def test_merging_twice_is_merging_once(classes: Map, least: int) -> None:
    merged = without_small_patches(classes, least)
    np.testing.assert_array_equal(without_small_patches(merged, least), merged)
    np.testing.assert_array_equal(without_small_patches(classes, 1), classes)


def test_a_small_patch_goes_to_the_largest_of_its_neighbours() -> None:
    classes = np.repeat(np.array([[1, 1, 1, 2, 3, 3, 3, 3]], np.uint8), 1, axis=0)
    assert without_small_patches(classes, 2).tolist() == [[1, 1, 1, 3, 3, 3, 3, 3]]


def test_the_smallest_come_first_so_that_what_they_make_large_enough_stays() -> None:
    # 3 grows by the pixel of 2 from 7 to 8, and so need not go to 1.
    classes = np.array([[1] * 20 + [3] * 7 + [2]], np.uint8)
    assert without_small_patches(classes, 8).tolist() == [[1] * 20 + [3] * 8]
    assert without_small_patches(classes, 9).tolist() == [[1] * 28]


def test_a_board_of_single_pixels_becomes_groups_and_not_one() -> None:
    """Where all neighbours are as small, none of them takes the whole map."""
    rows, columns = np.indices((100, 100))
    board = (1 + (rows + columns) % 2).astype(np.uint8)
    sizes = [int(patch.sum()) for patch in patches(without_small_patches(board, 4))]
    assert min(sizes) >= 4
    assert max(sizes) < 500


def test_an_island_is_only_what_nodata_surrounds() -> None:
    classes = np.array([[1, 0, 2, 2], [0, 0, 0, 2], [3, 1, 0, 2]], np.uint8)
    merged = without_small_patches(classes, 5)
    assert merged[0].tolist() == [1, 0, 2, 2]
    assert merged[2, 0] == merged[2, 1]


def test_lines_of_any_number_are_one_map() -> None:
    """Pairs are looked for in stripes of lines, whose edges lie anywhere."""
    tall = np.ones((1000, 3), np.uint8)
    tall[::2, 1] = 2
    assert (without_small_patches(tall, 2) == 1).all()
    stripes = np.repeat(np.arange(500) % 3 + 1, 2).astype(np.uint8)[:, None]
    assert (np.diff(np.flatnonzero(np.diff(without_small_patches(stripes, 5)[:, 0]))) >= 5).all()


@pytest.mark.parametrize("least", [10, 601, 10**30])
def test_polygons_of_a_noisy_map_have_the_pixels_that_were_asked_for(tmp_path: Path, least: int) -> None:
    classes = (numbers(1, 20, 30)[0] % 7 + 1).astype(np.uint8)
    write_raster(tmp_path / "map.tif", classes, nodata=0)
    assert call("vectorize", tmp_path / "map.tif", "-o", tmp_path / "u.gpkg", "--min-pixels", least) == 0
    pixels = (geopandas.read_file(tmp_path / "u.gpkg", layer="units").area / 900).round()
    assert pixels.sum() == 600
    assert pixels.min() >= min(least, 600)
    assert len(pixels) == 1 or least == 10


def test_a_map_smaller_than_the_minimum_is_one_polygon(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", numbers(3))
    assert call("map", scene, "-k", 3, "--no-smooth", "--min-pixels", 10_000, "-o", tmp_path / "out") == 0
    frame = geopandas.read_file(tmp_path / "out" / "units.gpkg", layer="units")
    assert (frame.area / 900).round().tolist() == [600]
