from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
import pytest
from affine import Affine
from rasterio.control import GroundControlPoint
from rasterio.crs import CRS
from rasterio.windows import Window

from geo_files import numbers, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.mapping import open_map
from nflows_geo.raster import Grid
from nflows_geo.scene import open_scene, require_several_bands


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.tif"):
        open_scene(tmp_path / "nothing.tif")


def test_a_raster_given_twice(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    with pytest.raises(ValueError, match=r"a\.tif is given twice"):
        open_scene([path, path])


def test_latitudes_beyond_a_pole(tmp_path: Path) -> None:
    grid = Grid(CRS.from_epsg(4326), Affine(0.1, 0, 10, 0, -0.1, 95), 30, 20)
    with pytest.raises(ValueError, match="latitudes reach from 93 to 95, beyond a pole"):
        open_scene(write_raster(tmp_path / "a.tif", numbers(2), grid))


def test_a_scene_without_any_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_raster(tmp_path / "a.tif", np.full((3, 20, 30), 7, np.uint16))
    assert call_command(geo, "map", path, "-o", tmp_path / "out") == 2
    assert "all bands are constant" in capsys.readouterr().err


def test_no_raster(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.tif is no raster that can be read; give a GeoTIFF"):
        open_scene(tmp_path / "a.tif")


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.tif").touch()
    with pytest.raises(ValueError, match=r"a\.tif is empty; copy or download it again"):
        open_scene(tmp_path / "a.tif")


def test_a_folder_where_a_raster_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder, where a raster is needed; give the file in it"):
        open_map(tmp_path)
    scene = write_raster(tmp_path / "a.tif", numbers(2))
    with pytest.raises(ValueError, match="is a folder, where a raster is needed"):
        open_scene(scene, grid=tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.tif")
    with pytest.raises(ValueError, match=r"a\.tif is a device or a pipe, and no raster"):
        open_scene(tmp_path / "a.tif")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    path.chmod(0)
    with pytest.raises(PermissionError, match=r"a\.tif"):
        open_scene(path)


def test_a_compression_that_nobody_knows(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2))
    # The tag 259 of TIFF, of one short number: compression, 1 for none.
    before, after = (struct.pack("<HHII", 259, 3, 1, number) for number in (1, 50_999))
    assert path.read_bytes().count(before) == 1
    path.write_bytes(path.read_bytes().replace(before, after))
    with pytest.raises(ValueError, match=r"a\.tif (is packed in a way .*50999|is no raster)"):
        open_scene(path).read(Window(0, 0, 30, 20))


def test_what_gdal_says_of_a_damaged_file_is_not_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its words are of the insides of its formats, and are told on the terminal beside ours."""
    path = write_raster(tmp_path / "a.tif", numbers(2, 300, 300))
    path.write_bytes(path.read_bytes()[:50_000])
    assert call_command(geo, "info", path) == 2
    assert capfd.readouterr().err == f"nflows: error: {path} is damaged or cut off; copy or download it again\n"


@pytest.mark.parametrize("compress", [None, "DEFLATE"])
def test_a_raster_that_is_cut_off(tmp_path: Path, compress: str | None) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(2, 300, 300), compress=compress)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"a\.tif is (damaged or cut off|no raster)"):
        open_scene(path).read(Window(0, 0, 300, 300))


def test_control_points_alone_do_not_place_pixels(tmp_path: Path) -> None:
    corners = [GroundControlPoint(row, column, 60 + column, 30 - row) for row in (0, 20) for column in (0, 30)]
    path = write_raster(tmp_path / "a.tif", numbers(2), crs="EPSG:4326", transform=None, gcps=corners)
    with pytest.raises(ValueError, match="not georeferenced: no pixel size, no origin; warp it by its control points"):
        open_scene(path)


def test_one_band_is_a_scene_but_no_map(tmp_path: Path) -> None:
    scene = open_scene(write_raster(tmp_path / "a.tif", numbers(1)))
    with pytest.raises(ValueError, match="has one band, and a map needs at least two"):
        require_several_bands(scene)


def test_a_scene_of_nothing() -> None:
    with pytest.raises(ValueError, match="at least one"):
        open_scene([])


def test_an_unknown_resampling(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="resampling must be one of nearest, bilinear, cubic, got 'mean'"):
        open_scene(write_raster(tmp_path / "a.tif", numbers(2)), resampling="mean")
