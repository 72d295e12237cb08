"""The commands as a person uses them."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio

from geo_files import make_grid, numbers, write_landsat, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.scene import open_scene

call = partial(call_command, geo)


def error_of(capsys: pytest.CaptureFixture[str]) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    assert "Traceback" not in output.err
    return output.err


def test_info_prints_the_band_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = numbers(7)
    pixels[0, 0, :3] = 0
    assert call("info", write_landsat(tmp_path, pixels)) == 0
    text = capsys.readouterr().out
    assert "Landsat 8 Collection 2 Level-2, surface reflectance" in text
    assert "EPSG:32641, 30 x 20 pixels of 30 m" in text
    assert "597 of 600 pixels are valid in all bands" in text
    assert any(line.split()[:5] == ["B7", "shortwave", "infrared", "2", "2,200.7"] for line in text.splitlines())


def test_info_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels = numbers(2).astype(np.float32)
    pixels[0, 0, :3] = np.nan
    path = write_raster(tmp_path / "a.tif", pixels)
    assert call("info", path, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pixels"], report["valid_pixels"]) == (600, 597)
    assert report["bands"][0]["own_valid_ratio"] == pytest.approx(0.995)
    valid = pixels[:, np.isfinite(pixels[0])]
    for band, values in zip(report["bands"], valid, strict=True):
        expected = values.min(), values.mean(dtype=np.float64), values.max()
        assert (band["minimum"], band["mean"], band["maximum"]) == pytest.approx(expected)
    assert report["inputs"] == {"a.tif": {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}}


def test_info_of_a_scene_without_valid_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((2, 20, 30), np.uint8), nodata=0)
    assert call("info", path) == 0
    assert "0 of 600 pixels are valid" in capsys.readouterr().out


def test_a_stack_is_the_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, target = write_landsat(tmp_path / "scene", numbers(7, high=40_000)), tmp_path / "stack.tif"
    assert call("stack", folder, "-o", target, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    product, stack = open_scene(folder), open_scene(target)
    assert stack.quantity == product.quantity == report["quantity"] == "surface reflectance"
    assert [(band.name, band.wavelength_nm) for band in stack.bands] == [
        (band.name, pytest.approx(band.wavelength_nm)) for band in product.bands
    ]
    assert stack.grid == product.grid
    (_, block), (_, expected) = next(stack.blocks()), next(product.blocks())
    np.testing.assert_array_equal(block, expected)
    with rasterio.open(target) as dataset:
        assert dataset.tags()["INPUT_SHA256"] == product.sha256()
        assert dataset.tags()["METHOD"] == "stack, nearest"
    first = target.read_bytes()
    assert call("stack", folder, "-o", target) == 0
    assert target.read_bytes() == first


def test_a_stack_on_a_grid_that_was_given(tmp_path: Path) -> None:
    a = write_raster(tmp_path / "a.tif", numbers(1))
    grid = write_raster(tmp_path / "grid.tif", numbers(1, 5, 7), make_grid(7, 5, 60))
    assert call("stack", a, "-o", tmp_path / "stack.tif", "--grid", grid) == 0
    assert open_scene(tmp_path / "stack.tif").grid == make_grid(7, 5, 60)


def test_vectorize(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.ones((20, 30), np.uint8)
    values[:, :10] = 2
    path = write_raster(tmp_path / "map.tif", values, nodata=0)
    assert call("vectorize", path, "-o", tmp_path / "units.gpkg", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert [(unit["unit"], unit["polygons"]) for unit in report["units"]] == [(1, 1), (2, 1)]
    assert report["area_km2"] == pytest.approx(600 * 900 / 1e6, rel=2e-3)
    assert len(geopandas.read_file(tmp_path / "units.gpkg", layer="units")) == report["polygons"] == 2


# Bad input


def test_grids_that_do_not_match_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [
        write_raster(tmp_path / "a.tif", numbers(1)),
        write_raster(tmp_path / "b.tif", numbers(1), make_grid(east=2.283, south=-2.844)),
    ]
    target = tmp_path / "stack.tif"
    assert call("stack", *paths, "-o", target) == 2
    error = error_of(capsys)
    assert "b.tif does not lie on the grid of a.tif: it starts 2.28 m east, 2.84 m north" in error
    assert "b.tif: EPSG:32641" in error
    assert "a.tif: EPSG:32641" in error
    assert not target.exists()
    assert call("stack", *paths, "-o", target, "--align") == 0
    aligned = open_scene(target)
    # The centre of every pixel lies in the same pixel of the raster that is metres off.
    np.testing.assert_array_equal(aligned.read(aligned.grid.window), numbers(1).repeat(2, 0))


def test_a_scene_of_nodata_makes_no_stack(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", np.zeros((2, 20, 30), np.uint8), nodata=0)
    assert call("stack", path, "-o", tmp_path / "stack.tif") == 2
    assert "a.tif has no valid pixel; `nflows geo info` counts them by band" in error_of(capsys)
    assert [file.name for file in tmp_path.iterdir()] == ["a.tif"]


def test_inputs_are_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    before = path.read_bytes()
    assert call("stack", path, "-o", path) == 2
    assert "is an input, which is never changed" in error_of(capsys)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "nothing"], "nothing: No such file or directory; check the path"),
        (["info", "."], "give a folder of Landsat 4, 5, 7, 8 or 9"),
        (["info", "notes.tif"], "notes.tif is no raster that can be read"),
        (["info", "cut.tif"], "cut.tif is damaged or cut off"),
        (["info", "a.tif", "--mask-clouds"], "single raster without a cloud mask"),
        (["stack", "a.tif", "-o", "stack.png"], "must end in .tif or .tiff"),
        (["stack", "a.tif", "-o", "nowhere/stack.tif"], "no such folder; create it first"),
        (["vectorize", "a.tif", "-o", "units.gpkg"], "a map has one band of whole numbers, 1 to 255"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_raster(Path("a.tif"), numbers(2))
    Path("notes.tif").write_text("hello")
    whole = write_raster(Path("whole.tif"), numbers(2, 300, 300)).read_bytes()
    Path("cut.tif").write_bytes(whole[: len(whole) // 2])
    assert call(*arguments) == 2
    assert message in error_of(capsys)
