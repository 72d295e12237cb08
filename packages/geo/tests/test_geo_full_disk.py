"""A disk that is full, or fails: one line with what was needed, and nothing half written."""

from __future__ import annotations

import errno
import shutil
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio.shutil
from pyogrio.errors import DataSourceError
from rasterio.errors import RasterioIOError

from geo_files import make_grid, numbers, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.raster import whole_geopackage, write_cog
from nflows_geo.raster import writing as writing_module

call = partial(call_command, geo)
usage = namedtuple("usage", "total used free")

RAW = 2 * 512 * 512 * 4
"""What two bands of 30 x 20 floats take in whole blocks: 2.1 MB."""


def fail(error: BaseException) -> Callable[..., None]:
    def failing(*arguments: Any, **options: Any) -> None:
        raise error

    return failing


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets how many bytes of the disk are free."""
    return lambda size: monkeypatch.setattr(writing_module.shutil, "disk_usage", lambda path: usage(10**12, 0, size))


def write(path: Path) -> None:
    grid = make_grid()
    write_cog(path, grid, [(grid.window, np.zeros((2, 20, 30), np.float32))], dtype="float32", bands=["a", "b"])


def test_a_raster_that_will_not_fit_is_told_before_it_is_drawn(
    tmp_path: Path, free: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    scene, target = write_raster(tmp_path / "scene.tif", numbers(2)), tmp_path / "stack.tif"
    target.write_text("older")
    free(RAW - 1)
    assert call("stack", scene, "-o", target) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error == (
        f"nflows: error: {target}: no space left on the disk: up to 6.3 MB are needed while it is written, "
        "and 2.1 MB were free; free some space or choose another place"
    )
    assert target.read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.tif", "stack.tif"]
    free(RAW)
    assert call("stack", scene, "-o", target) == 0


@pytest.mark.parametrize(("size", "code"), [(RAW, errno.ENOSPC), (10**12, errno.EIO)])
def test_what_gdal_says_of_a_full_disk_is_said_in_words(
    tmp_path: Path, free: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, size: int, code: int
) -> None:
    free(size)
    said = RasterioIOError("Write failed. See previous exception for details.")
    said.__cause__ = RasterioIOError("TIFFAppendToStrip:Write error at scanline 512")
    monkeypatch.setattr(rasterio.shutil, "copy", fail(said))
    words = "no space left on the disk" if code == errno.ENOSPC else r"cannot be written \(TIFFAppendToStrip"
    with pytest.raises(OSError, match=words) as caught:
        write(tmp_path / "a.tif")
    assert (caught.value.errno, caught.value.filename) == (code, str(tmp_path / "a.tif"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_what_gdal_has_cut_off_without_a_word_is_no_result(
    tmp_path: Path, free: Callable[[int], None], monkeypatch: pytest.MonkeyPatch, kept: float
) -> None:
    """GDAL is silent if the disk is full when it closes a file."""
    copy = rasterio.shutil.copy

    def cut(source: Path, target: Path, **options: Any) -> None:
        copy(source, target, **options)
        whole = target.read_bytes()
        target.write_bytes(whole[: int(kept * len(whole))])

    monkeypatch.setattr(rasterio.shutil, "copy", cut)
    free(RAW)
    values = np.random.default_rng(0).normal(size=(1, 600, 600)).astype(np.float32)
    grid = make_grid(600, 600)
    free(4 * 2**20)
    with pytest.raises(OSError, match="no space left on the disk"):
        write_cog(tmp_path / "a.tif", grid, [(grid.window, values)], dtype="float32")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "size"),
    [
        (DataSourceError("Could not add feature: database or disk is full"), 10**12),
        (DataSourceError("disk I/O error"), 0),
        (OSError(errno.ENOSPC, "No space left on device"), 0),
    ],
)
def test_a_geopackage_on_a_full_disk(tmp_path: Path, free: Callable[[int], None], error: Exception, size: int) -> None:
    free(size)
    with (
        pytest.raises(OSError, match="no space left on the disk: more is needed") as caught,
        whole_geopackage(tmp_path / "a.gpkg") as path,
    ):
        fail(error)(path.write_text("half"))
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_other_errors_of_a_geopackage_are_not_the_disks(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), whole_geopackage(tmp_path / "a.gpkg"):
        raise ZeroDivisionError


def test_there_is_room_for_what_there_is_room_for(tmp_path: Path) -> None:
    assert shutil.disk_usage(tmp_path).free > 3 * RAW
    write(tmp_path / "a.tif")
    with whole_geopackage(tmp_path / "a.gpkg") as path:
        frame = geopandas.GeoDataFrame({"unit": [1]}, geometry=geopandas.points_from_xy([0], [0]), crs="EPSG:32641")
        frame.to_file(path, driver="GPKG", engine="pyogrio")
    assert len(geopandas.read_file(tmp_path / "a.gpkg")) == 1
