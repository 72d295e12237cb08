"""Numbers with more digits than float32: kept by their offset, or refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo_files import write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.scene import open_scene

call = partial(call_command, geo)


def reflectance(count: int = 3) -> NDArray[np.float64]:
    return np.random.default_rng(0).uniform(0.05, 0.6, (count, 40, 50))


def written(path: Path, pixels: NDArray[Any], scale: float = 1.0, offset: float = 0.0) -> Path:
    write_raster(path, pixels)
    with rasterio.open(path, "r+") as dataset:
        dataset.scales, dataset.offsets = (scale,) * dataset.count, (offset,) * dataset.count
    return path


@pytest.mark.parametrize("dtype", ["int32", "uint32", "int64", "uint64", "float64"])
def test_an_offset_is_subtracted_before_numbers_are_rounded(tmp_path: Path, dtype: str) -> None:
    counted = np.rint(reflectance() * 1e3)
    path = written(tmp_path / "a.tif", (counted + 2_000_000_000).astype(dtype), 1e-3, -2e6)
    scene = open_scene(path)
    np.testing.assert_allclose(scene.read(scene.grid.window), counted * 1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "dtype"),
    [
        (300 + 1e-4 * reflectance(), "float64"),
        (1e8 + reflectance(), "float64"),
        (2_000_000_000 + np.rint(1e3 * reflectance()), "int32"),
        (3_000_000_000 + np.rint(1e3 * reflectance()), "uint32"),
        (2.0**58 + np.rint(1e3 * reflectance()), "int64"),
    ],
)
def test_values_that_would_merge_are_refused_with_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], pixels: NDArray[np.float64], dtype: str
) -> None:
    path = write_raster(tmp_path / "a.tif", pixels.astype(dtype))
    assert call("map", path, "--output", tmp_path / "m") == 2
    told = capsys.readouterr().err
    assert "bands 1, 2, 3 of a.tif: the values differ by less than float32" in told
    assert "subtract their mean" in told
    assert "along the edge" not in told
    assert "constant" not in told
    assert not (tmp_path / "m").exists()


def test_only_the_bands_that_would_merge_are_named_and_may_be_left_out(tmp_path: Path) -> None:
    pixels = reflectance(4)
    pixels[1] += 1e8
    path = write_raster(tmp_path / "a.tif", pixels)
    with pytest.raises(ValueError, match=r"band 2 of a\.tif: the values differ by less"):
        open_scene(path)
    kept = open_scene(path, exclude_bands=["2"])
    np.testing.assert_allclose(kept.read(kept.grid.window), pixels[[0, 2, 3]], rtol=1e-6)


def test_numbers_of_64_bits_that_float32_holds_well_are_read(tmp_path: Path) -> None:
    for name, pixels in (("a", 300 + 10 * reflectance()), ("b", reflectance()), ("c", np.rint(1e4 * reflectance()))):
        scene = open_scene(write_raster(tmp_path / f"{name}.tif", pixels))
        np.testing.assert_allclose(scene.read(scene.grid.window), pixels, rtol=1e-7 * 2)


def test_a_collar_beside_values_far_from_zero_hides_nothing(tmp_path: Path) -> None:
    pixels = 1e8 + reflectance()
    pixels[:, :, :20] = 0
    with pytest.raises(ValueError, match="the values differ by less than float32"):
        open_scene(write_raster(tmp_path / "a.tif", pixels))


def test_a_collar_is_told_with_all_of_its_digits(tmp_path: Path) -> None:
    pixels = np.rint(1e7 * reflectance()).astype(np.int32)
    pixels[:, :, :12] = 1_234_567
    (notice,) = open_scene(write_raster(tmp_path / "a.tif", pixels)).notices
    assert "all bands are 1234567 along the edge" in notice
    assert "--nodata 1234567" in notice


@pytest.mark.parametrize(("dtype", "factor"), [("float32", 1e38), ("float64", 1e300)])
def test_values_whose_squares_are_no_numbers_are_not_called_nodata(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: str, factor: float
) -> None:
    path = write_raster(tmp_path / "a.tif", (reflectance() * factor).astype(dtype))
    assert call("info", path) == 2
    told = capsys.readouterr().err
    assert "bands 1, 2, 3 of a.tif: values beyond 1e+18, whose squares float32 cannot hold" in told


def test_a_scale_brings_large_values_back(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", reflectance() * 1e300, 1e-300)
    scene = open_scene(path)
    np.testing.assert_allclose(scene.read(scene.grid.window), reflectance(), rtol=1e-6)


def test_a_fill_that_nobody_declared_is_left_out_of_scaled_numbers_of_64_bits(tmp_path: Path) -> None:
    pixels = np.rint(reflectance() * 1e3).astype(np.int32)
    pixels[:, :, :12] = -9999
    scene = open_scene(written(tmp_path / "a.tif", pixels, 1e-3, 0.1))
    expected = np.ones((40, 50), np.bool_)
    expected[:, :12] = False
    np.testing.assert_array_equal(np.isfinite(scene.read(scene.grid.window)[0]), expected)
