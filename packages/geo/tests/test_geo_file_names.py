"""Names of files that are no UTF-8, and files that describe a raster and are none."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import rasterio

from geo_files import numbers, write_envi, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.raster import open_raster
from nflows_geo.scene import open_scene

call = partial(call_command, geo)
LATIN = os.fsdecode(b"gr\xfcn")
NO_UTF8 = "has a name that GDAL cannot read as UTF-8; rename it, or what it lies in"


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "scene.tif", numbers(3))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
class TestLatinNames:
    def test_an_input_is_refused_by_its_name(
        self, tmp_path: Path, scene: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        path = scene.rename(tmp_path / f"{LATIN}.tif")
        assert call("info", path) == 2
        error = capsys.readouterr().err
        assert f"gr\\udcfcn.tif {NO_UTF8}" in error
        assert error.count("\n") == 1

    def test_a_folder_for_results_is_refused_before_anything_is_computed(
        self, tmp_path: Path, scene: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / LATIN
        folder.mkdir()
        units = write_raster(tmp_path / "units.tif", np.ones((20, 30), np.uint8))
        for arguments in (
            ("stack", scene, "-o", folder / "a.tif"),
            ("vectorize", units, "-o", folder / "a.gpkg"),
            ("map", scene, "-o", folder),
            ("anomaly", scene, "-o", folder),
        ):
            assert call(*arguments) == 2
            error = capsys.readouterr().err
            assert f"gr\\udcfcn {NO_UTF8}" in error
            assert "tiles" not in error
        assert list(folder.iterdir()) == []

    def test_a_result_may_have_such_a_name(self, tmp_path: Path, scene: Path) -> None:
        target = tmp_path / f"{LATIN}.tif"
        assert call("stack", scene, "-o", target) == 0
        written = target.rename(tmp_path / "written.tif")
        with rasterio.open(written) as dataset:
            np.testing.assert_array_equal(dataset.read(), numbers(3))

    def test_where_the_language_is_c_the_way_to_utf8_is_told(self, tmp_path: Path, scene: Path) -> None:
        path = scene.rename(tmp_path / "grün.tif")
        settings = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
        program = [sys.executable, "-m", "nflows_core.cli", "geo", "info", path]
        done = subprocess.run(program, env=settings, capture_output=True, check=False)
        assert done.returncode == 2
        assert done.stderr.rstrip().endswith(b"has a name that GDAL cannot read as UTF-8; set PYTHONUTF8=1")
        done = subprocess.run(program, env=settings | {"PYTHONUTF8": "1"}, capture_output=True, check=False)
        assert b"600 of 600 pixels are valid" in done.stdout


@pytest.mark.parametrize(
    ("data", "name"),
    [("cube.dat", "cube.hdr"), ("cube.dat", "cube.dat.aux.xml"), ("a.tif", "a.tfw"), ("a.tif", "a.tif.ovr.txt")],
)
def test_what_describes_a_raster_is_refused_by_the_name_of_that(tmp_path: Path, data: str, name: str) -> None:
    write_envi(tmp_path / "cube.dat", numbers(3).astype(np.int16))
    write_raster(tmp_path / "a.tif", numbers(3))
    if name != "cube.hdr":
        (tmp_path / name).write_text("30\n0\n0\n-30\n300000\n3200000\n")
    with pytest.raises(ValueError, match=rf"{name} is no raster itself; give {data}, which lies beside it"):
        open_scene(tmp_path / name)
    assert len(open_scene(tmp_path / data).bands) == 3


def test_a_header_without_its_raster_is_no_raster(tmp_path: Path) -> None:
    write_envi(tmp_path / "cube.dat", numbers(3).astype(np.int16)).unlink()
    with pytest.raises(ValueError, match=r"cube\.hdr is no raster that can be read; give a GeoTIFF"):
        open_raster(tmp_path / "cube.hdr")


def test_a_server_that_is_not_there_is_told_as_such() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(OSError, match="the server does not answer; check the address") as caught:
        open_raster(Path(f"https://127.0.0.1:{port}/x.tif"))
    assert caught.value.filename == f"https://127.0.0.1:{port}/x.tif"
