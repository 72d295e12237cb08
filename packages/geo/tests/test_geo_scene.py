from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import Resampling
from rasterio.transform import from_origin
from rasterio.vrt import WarpedVRT
from rasterio.warp import transform
from rasterio.windows import Window

from geo_files import NORTH, WEST, describe, make_grid, numbers, write_raster
from nflows_geo.raster import Grid
from nflows_geo.scene import Scene, open_scene


def whole(scene: Scene) -> NDArray[np.float32]:
    return scene.read(Window(0, 0, scene.grid.width, scene.grid.height))


# What a raster says about itself


def test_bands_of_a_raster_are_called_by_their_descriptions_or_numbers(tmp_path: Path) -> None:
    pixels = numbers(3)
    described = describe(write_raster(tmp_path / "a.tif", pixels), ["red", "nir", ""])
    assert [band.name for band in open_scene(described).bands] == ["red", "nir", "3"]
    np.testing.assert_array_equal(whole(open_scene(described)), pixels.astype(np.float32))


def test_rasters_with_one_band_are_called_by_their_files(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / f"{name}.tif", numbers(1)) for name in ("B2", "B3")]
    scene = open_scene(paths)
    assert [band.name for band in scene.bands] == ["B2", "B3"]
    assert scene.inputs == {"B2.tif": paths[0], "B3.tif": paths[1]}
    digests = "".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert scene.sha256() == hashlib.sha256(digests.encode()).hexdigest()


def test_bands_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    paths = [write_raster(tmp_path / f"{name}.tif", numbers(2)) for name in ("may", "june")]
    assert [band.name for band in open_scene(paths).bands] == ["may:1", "may:2", "june:1", "june:2"]


def test_scale_offset_and_wavelength_of_the_metadata(tmp_path: Path) -> None:
    pixels = numbers(2)
    path = write_raster(tmp_path / "a.tif", pixels)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (0.5, 1.0), (-3.0, 0.0)
        dataset.update_tags(1, ns="IMAGERY", CENTRAL_WAVELENGTH_UM="2.2024")
        dataset.update_tags(2, wavelength="865", wavelength_units="Nanometers")
    scene = open_scene(path)
    assert [band.wavelength_nm for band in scene.bands] == [2202.4, 865]
    np.testing.assert_array_equal(whole(scene), [pixels[0] * 0.5 - 3, pixels[1]])


# Which pixels are valid


def test_nodata_nan_and_infinity_are_left_out_in_all_bands(tmp_path: Path) -> None:
    values = numbers(3).astype(np.float32)
    values[0, 0, 0], values[1, 0, 1], values[2, 0, 2], values[2, 0, 3] = -9999, np.nan, np.inf, -np.inf
    block = whole(open_scene(write_raster(tmp_path / "a.tif", values, nodata=-9999)))
    assert np.isnan(block[:, 0, :4]).all()
    np.testing.assert_array_equal(block[:, 1:], values[:, 1:])
    np.testing.assert_array_equal(block[:, 0, 4:], values[:, 0, 4:])


def test_the_lowest_number_of_64_bits_as_nodata(tmp_path: Path) -> None:
    values = numbers(2).astype(np.float64)
    values[0, 3, 3] = lowest = np.finfo(np.float64).min
    block = whole(open_scene(write_raster(tmp_path / "a.tif", values, nodata=lowest)))
    assert np.argwhere(np.isnan(block[1])).tolist() == [[3, 3]]


def test_a_mask_band_is_kept(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    mask = np.full((20, 30), 255, np.uint8)
    mask[3:5, 4:7] = 0
    with rasterio.open(path, "r+") as dataset:
        dataset.write_mask(mask)
    assert np.array_equal(np.isnan(whole(open_scene(path))[1]), mask == 0)


def test_an_alpha_band_is_a_mask(tmp_path: Path) -> None:
    pixels = numbers(4, high=255).astype(np.uint8)
    pixels[3] = 255
    pixels[3, 2, 2] = 0
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels, photometric="RGB", alpha="YES"))
    assert len(scene.bands) == 3
    assert np.argwhere(np.isnan(whole(scene)[0])).tolist() == [[2, 2]]


# Grids


def test_coarse_pixels_are_repeated_on_the_finest_grid(tmp_path: Path) -> None:
    fine, coarse = numbers(1, 40, 60, seed=1), numbers(1, 20, 30, seed=2)
    paths = [
        write_raster(tmp_path / "coarse.tif", coarse),
        write_raster(tmp_path / "fine.tif", fine, make_grid(60, 40, 15)),
    ]
    scene = open_scene(paths)
    assert scene.grid == make_grid(60, 40, 15)
    np.testing.assert_array_equal(whole(scene), [coarse[0].repeat(2, 0).repeat(2, 1), fine[0]])


def test_pixels_outside_one_band_are_left_out(tmp_path: Path) -> None:
    shifted = make_grid(30, 20, 30, east=90, south=-60)
    paths = [
        write_raster(tmp_path / "a.tif", numbers(1, seed=1)),
        write_raster(tmp_path / "b.tif", numbers(1, seed=2), shifted),
    ]
    expected = np.ones((20, 30), bool)
    expected[:18, 3:] = False
    assert np.array_equal(np.isnan(whole(open_scene(paths))[0]), expected)


@pytest.mark.parametrize(
    "grid", [make_grid(30, 20, 30, 2.283, -2.844), make_grid(17, 9, 55, 41, 37), make_grid(80, 60, 11)]
)
def test_the_nearest_pixel_is_that_of_gdal(tmp_path: Path, grid: Grid) -> None:
    pixels = numbers(2, seed=3)
    path = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    vrt = {"crs": grid.crs, "transform": grid.transform, "width": grid.width, "height": grid.height, "nodata": 0}
    with rasterio.open(path) as dataset, WarpedVRT(dataset, resampling=Resampling.nearest, **vrt) as warped:
        expected = warped.read().astype(np.float32)
    expected[expected == 0] = np.nan
    np.testing.assert_array_equal(whole(open_scene(path, grid=grid)), expected)


def test_interpolation_ignores_pixels_that_are_not_valid(tmp_path: Path) -> None:
    values = np.full((2, 20, 30), 0.25, np.float32)
    values[0, 5, 5], values[1, 9, 9] = -1, np.nan
    path = write_raster(tmp_path / "a.tif", values, nodata=-1)
    block = whole(open_scene(path, grid=make_grid(58, 38, 15, 15, 15), resampling="bilinear"))
    np.testing.assert_allclose(block[np.isfinite(block)], 0.25, rtol=1e-6)
    assert 0 < np.isnan(block[0]).sum() < 60


@pytest.mark.parametrize("resampling", ["nearest", "bilinear", "cubic"])
def test_blocks_make_up_the_whole(tmp_path: Path, resampling: str) -> None:
    paths = [
        write_raster(tmp_path / "a.tif", numbers(1, 40, 60, 1), make_grid(60, 40, 15)),
        write_raster(tmp_path / "b.tif", numbers(2, 20, 30, 2), make_grid(30, 20, 30, 7.5, 7.5)),
    ]
    scene = open_scene(paths, align=True, resampling=resampling)
    blocks = np.full((3, 40, 60), -1, np.float32)
    for tile, block in scene.blocks(17, 2):
        blocks[:, *tile.core.toslices()] = tile.crop(block)
    np.testing.assert_allclose(blocks, whole(scene), rtol=1e-6)


def test_another_crs_is_warped_when_asked(tmp_path: Path) -> None:
    # A plane in longitude and latitude: after warping, every pixel's value is where it lies.
    wgs84, utm41 = CRS.from_epsg(4326), CRS.from_epsg(32641)
    (west,), (north,) = transform(utm41, wgs84, [WEST], [NORTH])
    degrees = Grid(wgs84, from_origin(west - 0.002, north + 0.002, 2e-4, 2e-4), 120, 120)
    columns, rows = np.meshgrid(np.arange(120) + 0.5, np.arange(120) + 0.5)
    plane = np.stack(degrees.place(columns, rows)).astype(np.float32)
    path = write_raster(tmp_path / "degrees.tif", plane, degrees)
    utm = write_raster(tmp_path / "utm.tif", numbers(1), make_grid(30, 20, 60))
    with pytest.raises(ValueError, match=r"it is in EPSG:(4326|32641), not EPSG:(32641|4326); `align`"):
        open_scene([utm, path])
    scene = open_scene([utm, path], align=True, resampling="bilinear", grid=make_grid(30, 20, 60))
    longitude, latitude = whole(scene)[1:, 10, 15]
    (x,), (y,) = transform(wgs84, utm41, [longitude], [latitude])
    assert (x, y) == pytest.approx(scene.grid.place(15.5, 10.5), abs=1.0)


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        (make_grid(east=2.283, south=-2.845), "2.28 m east, 2.8[45] m north"),
        (make_grid(size=20), "does not lie on the grid"),
        (make_grid(east=9000), "they do not overlap"),
    ],
)
def test_grids_that_do_not_fit(tmp_path: Path, grid: Grid, message: str) -> None:
    paths = [write_raster(tmp_path / "a.tif", numbers(1)), write_raster(tmp_path / "b.tif", numbers(1), grid)]
    with pytest.raises(ValueError, match=message):
        open_scene(paths)
    if "overlap" not in message:
        assert np.isfinite(whole(open_scene(paths, align=True))).any()
