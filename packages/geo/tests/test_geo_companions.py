"""What lies beside a raster or a GeoPackage under its name goes with it, and changes no new one."""

from __future__ import annotations

import shutil
import sqlite3
import warnings
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning

from geo_files import make_grid, numbers, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.mapping.polygons import vectorize
from nflows_geo.raster import write_cog

call = partial(call_command, geo)

SIDE_CARS = (".aux.xml", ".ovr", ".msk", ".msk.ovr")
NODATA = """<PAMDataset><GeoTransform>0, 1, 0, 0, 0, -1</GeoTransform>
<PAMRasterBand band="1"><NoDataValue>1</NoDataValue></PAMRasterBand></PAMDataset>"""


def beside(path: Path) -> set[str]:
    return {other.name for other in path.parent.iterdir() if other.name.startswith(path.name) and other != path}


def add_side_cars(path: Path) -> None:
    """What GDAL makes beside a raster: other nodata and another place, overviews of zeros, and a mask of nothing."""
    copy = write_raster(path.parent / "zeros.tif", np.zeros((1, 20, 30), np.uint8))
    with rasterio.Env(TIFF_USE_OVR=True, GDAL_TIFF_INTERNAL_MASK=False), warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(copy, "r+") as dataset:
            dataset.write_mask(np.zeros((20, 30), np.uint8))
        for name in (copy, f"{copy}.msk"):  # a mask lies nowhere by itself
            with rasterio.open(name, "r+") as dataset:
                dataset.build_overviews([2], Resampling.nearest)
    for suffix in SIDE_CARS[1:]:
        shutil.move(f"{copy}{suffix}", f"{path}{suffix}")
    copy.unlink()
    Path(f"{path}.aux.xml").write_text(NODATA)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    pixels = np.repeat(np.arange(1, 601, dtype=np.float32).reshape(1, 20, 30), 3, axis=0) * np.ones((3, 1, 1))
    return write_raster(tmp_path / "scene.tif", (pixels + numbers(3) % 50).astype(np.float32))


def ways(scene: Path, folder: Path) -> dict[str, tuple[Path, list[object]]]:
    units = write_raster(folder / "units.tif", (np.arange(600).reshape(20, 30) // 200 + 1).astype(np.uint8))
    out = folder / "out.tif"
    return {
        "stack": (out, ["stack", scene, "-o", out]),
        "reduce": (out, ["reduce", scene, "-o", out]),
        "cluster": (out, ["cluster", scene, "-k", 3, "-o", out]),
        "smooth": (out, ["smooth", units, "-o", out]),
        "map": (folder / "m" / "map.tif", ["map", scene, "-k", 3, "-o", folder / "m"]),
        "anomaly": (
            folder / "a" / "anomaly.tif",
            ["anomaly", scene, "--detector", "rx", "--false-alarm-rate", 0.01, "-o", folder / "a"],
        ),
    }


@pytest.mark.parametrize("command", ["stack", "reduce", "cluster", "smooth", "map", "anomaly"])
def test_a_raster_that_is_made_again_is_read_as_the_first_one(tmp_path: Path, scene: Path, command: str) -> None:
    path, arguments = ways(scene, tmp_path)[command]
    assert call(*arguments) == 0
    with rasterio.open(path) as dataset:
        expected, profile = dataset.read(masked=True), dict(dataset.profile)
        small = dataset.read(1, out_shape=(10, 15))
    add_side_cars(path)
    with rasterio.open(path) as dataset:
        assert dataset.nodata == 1
        assert dataset.transform != profile["transform"]
    assert beside(path) == {path.name + suffix for suffix in SIDE_CARS}
    assert call(*arguments) == 0
    assert beside(path) == set()
    with rasterio.open(path) as dataset:
        np.testing.assert_array_equal(dataset.read(masked=True), expected)
        np.testing.assert_array_equal(dataset.read(1, out_shape=(10, 15)), small)
        assert {**dataset.profile, "nodata": 0} == {**profile, "nodata": 0}


def test_what_belongs_to_another_raster_stays(tmp_path: Path, scene: Path) -> None:
    path = tmp_path / "out.tif"
    assert call("stack", scene, "-o", path) == 0
    others = [tmp_path / name for name in ("out.tfw", "out.tif.txt", "other.tif.aux.xml", "out.tiff.ovr", "out.ovr")]
    for other in others:
        other.write_text("mine")
    assert call("stack", scene, "-o", path) == 0
    assert [other.read_text() for other in others] == ["mine"] * len(others)


def test_side_cars_of_what_a_link_leads_to_go(tmp_path: Path, scene: Path) -> None:
    real, link = tmp_path / "real" / "r.tif", tmp_path / "link.tif"
    real.parent.mkdir()
    assert call("stack", scene, "-o", real) == 0
    link.symlink_to(real)
    for path in (real, link):
        Path(f"{path}.aux.xml").write_text(NODATA)
    assert call("stack", scene, "-o", link) == 0
    assert beside(real) == beside(link) == set()
    assert link.is_symlink()


def test_side_cars_of_a_raster_that_is_gone_are_refused_at_once(
    tmp_path: Path, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orphan = tmp_path / "out.tif.aux.xml"
    orphan.write_text(NODATA)
    assert call("stack", scene, "-o", tmp_path / "out.tif") == 2
    error = capsys.readouterr().err
    assert f"{orphan}: is of a file that is gone, and would be read as a part of the new out.tif; remove it" in error
    assert orphan.read_text() == NODATA
    assert not (tmp_path / "out.tif").exists()


def test_an_input_does_not_go_as_the_side_car_of_an_output(
    tmp_path: Path, scene: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_raster(tmp_path / "out.tif", numbers(1))
    source = scene.rename(tmp_path / "out.tif.ovr")
    before = source.read_bytes()
    assert call("stack", source, "-o", tmp_path / "out.tif") == 2
    assert f"{source}: is an input, which is never changed" in capsys.readouterr().err
    assert source.read_bytes() == before


def test_a_raster_that_fails_keeps_the_old_one_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    path, grid = write_raster(tmp_path / "a.tif", numbers(1)), make_grid()
    before = path.read_bytes()
    Path(f"{path}.aux.xml").write_text(NODATA)
    with pytest.raises(ValueError, match="the blocks have 0 pixels"):
        write_cog(path, grid, [], dtype="uint8")
    assert path.read_bytes() == before
    assert beside(path) == {"a.tif.aux.xml"}


def test_between_the_two_there_is_the_old_raster_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed there, it leaves no new raster beside old side-cars."""
    path, grid = write_raster(tmp_path / "a.tif", numbers(1)), make_grid()
    before, seen = path.read_bytes(), []
    Path(f"{path}.aux.xml").write_text(NODATA)
    replace = Path.replace

    def look(self: Path, target: Path) -> Path:
        seen.append((path.read_bytes() == before, beside(path)))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", look)
    write_cog(path, grid, [(grid.window, np.ones((20, 30), np.uint8))], dtype="uint8")
    assert seen == [(True, set())]


def test_polygons_replace_a_geopackage_that_another_program_has_open(tmp_path: Path) -> None:
    path = tmp_path / "units.gpkg"
    source = write_raster(tmp_path / "map.tif", (np.arange(600).reshape(20, 30) // 300 + 1).astype(np.uint8))
    vectorize(source, path)
    whole = path.read_bytes()
    other = sqlite3.connect(path)
    try:
        other.execute("PRAGMA journal_mode=WAL")
        other.execute("CREATE TABLE notes (text)")
        other.execute("INSERT INTO notes VALUES ('mine')")
        other.commit()
        assert beside(path) == {"units.gpkg-wal", "units.gpkg-shm"}
        vectorize(source, path)
        assert beside(path) == set()
        assert path.read_bytes() == whole
        assert other.execute("SELECT text FROM notes").fetchall() == [("mine",)]
    finally:
        other.close()
    with sqlite3.connect(path) as new:
        assert new.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert new.execute("SELECT count(*) FROM units").fetchall() == [(2,)]
    new.close()
    assert geopandas.read_file(path, layer="units")["unit"].tolist() == [1, 2]


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_what_a_program_left_beside_a_geopackage_that_is_gone_is_refused(tmp_path: Path, suffix: str) -> None:
    source = write_raster(tmp_path / "map.tif", np.ones((20, 30), np.uint8))
    orphan = tmp_path / f"units.gpkg{suffix}"
    orphan.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is of a file that is gone") as caught:
        vectorize(source, tmp_path / "units.gpkg")
    assert caught.value.filename == str(orphan)
    assert orphan.read_bytes() == b"mine"


# Results that belong together


@pytest.fixture
def results(tmp_path: Path, scene: Path) -> Path:
    assert call("map", scene, "-k", 3, "-o", tmp_path / "f") == 0
    return tmp_path / "f"


def test_no_step_replaces_a_part_of_a_map_or_an_anomaly_run(
    tmp_path: Path, scene: Path, results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    units = shutil.copy(results / "map.tif", tmp_path / "units.tif")
    assert call("anomaly", scene, "--detector", "rx", "--false-alarm-rate", 0.01, "-o", tmp_path / "a") == 0
    before = {path: path.read_bytes() for folder in (results, tmp_path / "a") for path in folder.iterdir()}
    for kind, target, arguments in (
        ("geological map", results / "map.tif", ["stack", scene]),
        ("geological map", results / "map.tif", ["reduce", scene]),
        ("geological map", results / "map.tif", ["cluster", scene, "-k", 2]),
        ("geological map", results / "map.tif", ["smooth", units]),
        ("geological map", results / "units.gpkg", ["vectorize", units]),
        ("geological map", results / "units.gpkg", ["vectorize", results / "map.tif"]),
        ("anomaly map", tmp_path / "a" / "anomaly.tif", ["stack", scene]),
        ("anomaly map", tmp_path / "a" / "anomalies.gpkg", ["vectorize", units]),
    ):
        capsys.readouterr()
        assert call(*arguments, "-o", target) == 2
        message = f"{target}: is a part of results ({kind}) that belong together; choose another place"
        assert message in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_what_steps_write_beside_a_map_may_be_written_again(results: Path) -> None:
    for name, command in (("smooth.tif", "smooth"), ("large.gpkg", "vectorize")):
        for _ in range(2):
            assert call(command, results / "map.tif", "-o", results / name) == 0
