"""Which pixels of a raster hold data: as its masks and numbers say, and where nobody said."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from rasterio.enums import ColorInterp

from geo_files import make_grid, numbers, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.scene import open_scene

call = partial(call_command, geo)

COLLAR = np.s_[:, :, :12]
"""12 of the 30 columns."""
RGB = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]


def collared(count: int, fill: float, dtype: str = "uint16") -> NDArray[Any]:
    """Random numbers from 20 to 200, and a collar of another."""
    pixels = np.random.default_rng(0).integers(20, 200, (count, 20, 30)).astype(dtype)
    pixels[COLLAR] = fill
    return pixels


def valid(path: Path, **options: Any) -> NDArray[np.bool_]:
    scene = open_scene(path, **options)
    block = scene.read(scene.grid.window)
    expected = np.isfinite(block[0])
    assert all(np.array_equal(np.isfinite(band), expected) for band in block)
    return expected


def assert_collar_is_left_out(path: Path) -> None:
    expected = np.ones((20, 30), bool)
    expected[COLLAR[1:]] = False
    assert np.array_equal(valid(path), expected)


# What files say


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("count", [3, 4, 6])
def test_an_alpha_band_after_any_number_of_others(tmp_path: Path, dtype: str, count: int) -> None:
    pixels = np.concatenate([collared(count, 0, dtype), np.full((1, 20, 30), 255, dtype)])
    pixels[count:][COLLAR] = 0
    path = write_raster(tmp_path / "a.tif", pixels, photometric="RGB")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [*RGB, *[ColorInterp.undefined] * (count - 3), ColorInterp.alpha]
    assert len(open_scene(path).bands) == count
    assert_collar_is_left_out(path)


def test_an_alpha_band_beside_a_nodata_value(tmp_path: Path) -> None:
    pixels = np.concatenate([collared(3, 7, "uint8"), np.full((1, 20, 30), 255, np.uint8)])
    pixels[3:][COLLAR] = 0
    pixels[1, 19, 29] = 1
    path = write_raster(tmp_path / "a.tif", pixels, photometric="RGB", nodata=1)
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [*RGB, ColorInterp.alpha]
    expected = np.ones((20, 30), bool)
    expected[COLLAR[1:]] = expected[19, 29] = False
    assert np.array_equal(valid(path), expected)


def test_interpolation_does_not_mix_in_what_alpha_hides(tmp_path: Path) -> None:
    pixels = np.full((5, 20, 30), 100, np.uint16)
    pixels[0, ::2], pixels[4] = 101, 1
    pixels[COLLAR] = 0
    path = write_raster(tmp_path / "a.tif", pixels, photometric="RGB")
    with rasterio.open(path, "r+") as dataset:
        dataset.colorinterp = [*RGB, ColorInterp.undefined, ColorInterp.alpha]
    scene = open_scene(path, grid=make_grid(58, 38, 15, 15, 15), resampling="bilinear")
    block = scene.read(scene.grid.window)
    assert 0 < np.isnan(block[0]).sum() < block[0].size
    assert np.nanmin(block) >= 99.99


def test_a_number_of_each_band_that_together_mean_no_data(tmp_path: Path) -> None:
    pixels = collared(3, 9, "uint8")
    pixels[0, 5, 20] = 9  # in one band it is a measurement
    path = write_raster(tmp_path / "a.tif", pixels)
    with rasterio.open(path, "r+") as dataset:
        dataset.update_tags(NODATA_VALUES="9 9 9")
    assert_collar_is_left_out(path)


@pytest.mark.parametrize("internal", [True, False])
def test_a_mask_beside_a_nodata_value(tmp_path: Path, internal: bool) -> None:
    pixels = collared(3, 9, "uint8")
    path = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    mask = np.full((20, 30), 255, np.uint8)
    mask[COLLAR[1:]] = 0
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=internal), rasterio.open(path, "r+") as dataset:
        dataset.write_mask(mask)
    assert_collar_is_left_out(path)


@pytest.mark.parametrize(
    ("dtype", "fill", "nodata"),
    [
        ("float32", -3.4028234663852886e38, -3.4028234663852886e38),
        ("float32", -3.4028234663852886e38, -3.40282e38),
        ("float32", -3.4028234663852886e38, -3.402823e38),
        ("float32", 3.4028234663852886e38, 3.40282e38),
        ("float64", -1.7976931348623157e308, -1.797693e308),
        ("float64", -9.223372036854776e18, -9.223372036854776e18),
        ("float32", np.float32(1e20), 1e20),
        ("float32", -9999, -9999),
        ("int64", np.iinfo(np.int64).min, np.iinfo(np.int64).min),
    ],
)
def test_nodata_however_it_is_written(tmp_path: Path, dtype: str, fill: float, nodata: float) -> None:
    pixels = collared(3, fill, dtype)
    assert_collar_is_left_out(write_raster(tmp_path / "a.tif", pixels, nodata=nodata))


def write_vrt(path: Path, source: Path, count: int, nodata: list[float]) -> Path:
    bands = "".join(
        f'<VRTRasterBand dataType="Byte" band="{band}"><NoDataValue>{number}</NoDataValue><SimpleSource>'
        f'<SourceFilename relativeToVRT="1">{source.name}</SourceFilename><SourceBand>{band}</SourceBand>'
        "</SimpleSource></VRTRasterBand>"
        for band, number in zip(range(1, count + 1), nodata, strict=True)
    )
    place = "<SRS>EPSG:32641</SRS><GeoTransform>300000,30,0,3200040,0,-30</GeoTransform>"
    path.write_text(f'<VRTDataset rasterXSize="30" rasterYSize="20">{place}{bands}</VRTDataset>')
    return path


def test_a_nodata_value_for_each_band(tmp_path: Path) -> None:
    pixels = collared(3, 0, "uint8")
    pixels[COLLAR] = np.array([1, 2, 3], np.uint8)[:, None, None]
    source = write_raster(tmp_path / "a.tif", pixels)
    assert_collar_is_left_out(write_vrt(tmp_path / "a.vrt", source, 3, [1, 2, 3]))


def test_a_nodata_value_that_the_type_cannot_hold_leaves_nothing_out(tmp_path: Path) -> None:
    source = write_raster(tmp_path / "a.tif", numbers(3, high=255).astype(np.uint8))
    assert valid(write_vrt(tmp_path / "a.vrt", source, 3, [-9999] * 3)).all()


# What nobody said


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [("uint8", 0), ("uint16", 0), ("int16", -32768), ("float32", 0), ("float32", -9999), ("float64", 1e20)],
)
def test_a_collar_that_can_only_be_fill_is_left_out_in_words(tmp_path: Path, dtype: str, fill: float) -> None:
    path = write_raster(tmp_path / "a.tif", collared(3, fill, dtype))
    assert_collar_is_left_out(path)
    (notice,) = open_scene(path).notices
    assert notice.startswith(f"all bands are {fill:g} along the edge, and no file says what is no data: pixels that")


def test_nan_as_nodata_says_nothing_of_a_collar_of_zeros(tmp_path: Path) -> None:
    assert_collar_is_left_out(write_raster(tmp_path / "a.tif", collared(3, 0, "float32"), nodata=np.nan))


def test_a_collar_across_files_whose_values_are_scaled(tmp_path: Path) -> None:
    pixels = collared(3, 0)
    pixels[0, 10, 20] = 0  # a dark pixel in one band
    paths = [write_raster(tmp_path / f"B{band}.tif", one) for band, one in enumerate(pixels, 2)]
    for path in paths:
        with rasterio.open(path, "r+") as dataset:
            dataset.scales, dataset.offsets = (2.75e-5,), (-0.2,)
    scene = open_scene(paths)
    block = scene.read(scene.grid.window)
    assert np.isnan(block[COLLAR]).all()
    np.testing.assert_allclose(block[:, :, 12:], pixels[:, :, 12:] * 2.75e-5 - 0.2, rtol=1e-5)


def test_a_collar_is_the_same_in_any_tiles(tmp_path: Path) -> None:
    pixels = collared(4, 0)
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels))
    block = scene.read(scene.grid.window)
    for tile, part in scene.blocks(7, 2):
        np.testing.assert_array_equal(tile.crop(part), block[:, *tile.core.toslices()])


@pytest.mark.parametrize(
    ("fill", "count", "nodata"),
    [
        (255, 3, None),  # a number that may be a measurement
        (0, 3, 1),  # the file says what is no data
        (0, 2, None),  # of two bands, both may be 0
    ],
)
def test_a_collar_that_may_be_data_is_kept_and_told(tmp_path: Path, fill: int, count: int, nodata: int | None) -> None:
    path = write_raster(tmp_path / "a.tif", collared(count, fill, "uint8"), nodata=nodata)
    assert valid(path).all()
    (notice,) = open_scene(path).notices
    assert notice == (
        f"all bands are {fill} along the edge, which is taken for data; if it is none, declare it (rio edit-info "
        f"--nodata {fill})"
    )


def test_a_few_dark_pixels_at_the_edge_are_no_collar(tmp_path: Path) -> None:
    pixels = collared(3, 50)
    pixels[COLLAR] = numbers(3)[COLLAR]
    pixels[:, 0, 3:9] = 0
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels))
    assert scene.notices == ()
    assert np.isfinite(scene.read(scene.grid.window)).all()


def test_dark_water_in_one_band_is_no_collar(tmp_path: Path) -> None:
    pixels = collared(3, 0)
    pixels[0] = numbers(1)
    scene = open_scene(write_raster(tmp_path / "a.tif", pixels))
    assert scene.notices == ()
    assert np.isfinite(scene.read(scene.grid.window)).all()


def test_a_collar_of_which_no_file_says_so_is_not_interpolated(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", collared(3, 0))
    with pytest.raises(ValueError, match=r"a\.tif is 0 in all bands along its edge.*rio edit-info --nodata 0\), or"):
        open_scene(path, resampling="cubic")


def test_info_and_map_tell_of_a_collar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", collared(3, 0))
    assert call("info", path, "--json") == 0
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert report["valid_pixels"] == 20 * 18
    assert f"note: {report['notices'][0]}\n" in output.err
    assert call("map", path, "-o", tmp_path / "out", "-k", 2) == 0
    assert "note: all bands are 0 along the edge" in capsys.readouterr().err
    told = json.loads((tmp_path / "out" / "report.json").read_text())
    assert told["scene"]["notices"] == report["notices"]
    assert "all bands are 0 along the edge" in (tmp_path / "out" / "report.html").read_text()
    with rasterio.open(tmp_path / "out" / "map.tif") as dataset:
        assert np.array_equal(dataset.read(1) == 0, np.arange(30)[None].repeat(20, 0) < 12)
