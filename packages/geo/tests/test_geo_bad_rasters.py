from __future__ import annotations

from pathlib import Path

import pytest
from rasterio.control import GroundControlPoint
from rasterio.windows import Window

from geo_files import numbers, write_raster
from nflows_geo.scene import open_scene, require_several_bands


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.tif"):
        open_scene(tmp_path / "nothing.tif")


def test_no_raster(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_text("hello")
    with pytest.raises(ValueError, match=r"a\.tif is no raster"):
        open_scene(tmp_path / "a.tif")


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
