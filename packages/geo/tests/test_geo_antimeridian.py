"""Scenes, grids and labels across 180 degrees, and whole turns of the Earth apart."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.warp import reproject

from geo_files import make_grid, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.labels import read_labels
from nflows_geo.raster import Grid, GridMismatchError
from nflows_geo.scene import Scene, open_scene

call = partial(call_command, geo)

DEGREES, FIRST_ZONE, LAST_ZONE = (CRS.from_epsg(code) for code in (4326, 32601, 32660))


def degrees(west: float, north: float = 60.0, width: int = 150, height: int = 120, size: float = 0.001) -> Grid:
    return Grid(DEGREES, from_origin(west, north, size, size), width, height)


IN_FIRST_ZONE = Grid(FIRST_ZONE, from_origin(333_000, 6_650_000, 100, 100), 100, 100)
IN_LAST_ZONE = Grid(LAST_ZONE, from_origin(663_000, 6_655_000, 60, 60), 150, 120)


def bands(grid: Grid) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(0.1, 0.6, (2, grid.height, grid.width)).astype(np.float32)


def warped(pixels: NDArray[np.float32], source: Grid, target: Grid) -> NDArray[np.float32]:
    """What GDAL makes of the whole at once."""
    found = np.full((len(pixels), target.height, target.width), np.nan, np.float32)
    reproject(
        pixels,
        found,
        src_transform=source.transform,
        src_crs=source.crs,
        src_nodata=np.nan,
        dst_transform=target.transform,
        dst_crs=target.crs,
        dst_nodata=np.nan,
        resampling=Resampling.nearest,
    )
    return found


def opened(folder: Path, source: Grid, target: Grid) -> tuple[Scene, NDArray[np.float32]]:
    pixels = bands(source)
    return open_scene(write_raster(folder / "a.tif", pixels, source), grid=target, align=True), pixels


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (degrees(179.9), IN_FIRST_ZONE),
        (degrees(179.9), IN_LAST_ZONE),
        (degrees(-180.1), IN_FIRST_ZONE),
        (degrees(-180.1), IN_LAST_ZONE),
        (IN_LAST_ZONE, degrees(179.93)),
        (IN_LAST_ZONE, degrees(-180.07)),
        (IN_LAST_ZONE, IN_FIRST_ZONE),
        (degrees(359.95, 10.0), degrees(-0.05, 10.0)),
        (degrees(-0.05, 10.0), degrees(359.95, 10.0)),
    ],
)
def test_all_that_the_whole_has_is_read(tmp_path: Path, source: Grid, target: Grid) -> None:
    scene, pixels = opened(tmp_path, source, target)
    expected = warped(pixels, source, target)
    assert np.isfinite(expected).any()
    np.testing.assert_array_equal(scene.read(scene.grid.window), expected)


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_a_tile_is_the_same_whatever_its_side_is(tmp_path: Path, resampling: str) -> None:
    source, target = degrees(179.9, width=300), Grid(LAST_ZONE, from_origin(663_000, 6_655_000, 20, 20), 420, 310)
    path = write_raster(tmp_path / "a.tif", bands(source), source)
    scene = open_scene(path, grid=target, align=True, resampling=resampling)
    whole = scene.read(scene.grid.window)
    assert np.isfinite(whole).any()
    for side, margin in ((37, 3), (100, 0), (256, 5)):
        for tile, block in scene.blocks(side, margin):
            rows, columns = tile.padded.toslices()
            np.testing.assert_array_equal(block, whole[:, rows, columns])


def test_a_scene_round_the_whole_earth_has_both_sides_of_180_degrees(tmp_path: Path) -> None:
    source = Grid(DEGREES, from_origin(-180, 90, 1, 1), 360, 180)
    longitudes = np.broadcast_to(np.arange(-179.5, 180.0), (2, 180, 360)).astype(np.float32)
    path = write_raster(tmp_path / "a.tif", longitudes, source)
    target = Grid(FIRST_ZONE, from_origin(-300_000, 1_200_000, 100_000, 100_000), 16, 10)
    values = open_scene(path, grid=target, align=True).read(target.window)
    assert np.isfinite(values).all()
    assert values.min() < -175
    assert values.max() > 175
    shifted = open_scene(path, grid=degrees(170.0, 10.0, 20, 5, 1.0), align=True)
    np.testing.assert_array_equal(
        shifted.read(shifted.grid.window)[0, 0], [*np.arange(170.5, 180.0), *np.arange(-179.5, -170.0)]
    )


def test_labels_across_180_degrees_lie_where_the_scene_does(tmp_path: Path) -> None:
    source = degrees(179.9)
    classes = np.repeat([1, 2], 75).astype(np.uint8)[None].repeat(120, axis=0)
    labels = read_labels(write_raster(tmp_path / "l.tif", classes, source), IN_LAST_ZONE, align=True)
    expected = warped(classes[None].astype(np.float32), source, IN_LAST_ZONE)[0]
    assert len(labels) == np.isfinite(expected).sum() > 10_000
    np.testing.assert_array_equal(labels.classes, expected[labels.rows, labels.columns])


# Rasters that do not overlap


def test_a_raster_elsewhere_is_no_part_of_an_aligned_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, far = make_grid(), make_grid(east=100_000.0)
    first = write_raster(tmp_path / "a.tif", bands(here), here)
    for name, grid in (("b", far), ("c", degrees(10.0))):
        other = write_raster(tmp_path / f"{name}.tif", bands(grid), grid)
        assert call("map", first, other, "--align", "--output", tmp_path / "m") == 2
        told = capsys.readouterr().err
        assert f"{name}.tif does not lie on the grid of a.tif: they do not overlap" in told
        assert "holding no value" not in told
        assert call("info", first, "--align", "--grid", other) == 2
        assert "they do not overlap; check that both are of the same place" in capsys.readouterr().err


def test_labels_elsewhere_are_refused_where_they_are_aligned(tmp_path: Path) -> None:
    far = make_grid(east=100_000.0)
    path = write_raster(tmp_path / "l.tif", np.ones((far.height, far.width), np.uint8), far)
    with pytest.raises(GridMismatchError, match="they do not overlap"):
        read_labels(path, make_grid(), align=True)


def test_a_band_that_is_empty_in_the_scene_alone_is_told_so(tmp_path: Path) -> None:
    pixels = bands(make_grid())
    with rasterio.open(write_raster(tmp_path / "a.tif", np.concatenate([pixels, pixels[:1]])), "r+") as dataset:
        dataset.write(np.full((20, 30), np.nan, np.float32), 2)
    (notice,) = open_scene(tmp_path / "a.tif").notices
    assert notice == "left out, holding no value in the scene: 2"
