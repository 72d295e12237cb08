"""No command writes over what it reads, whatever it is called."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from geo_files import numbers, write_raster
from nflows_core.runtime.ownership import claim_folder
from nflows_core.testing import call_command
from nflows_geo import AnomalyRecipe, Recipe, anomaly_scene, map_scene, open_scene
from nflows_geo.cli import geo

call = partial(call_command, geo)

FOLDERS = {"map": ("geological map", "map.tif"), "anomaly": ("anomaly map", "anomaly.tif")}
FILES = ("stack", "reduce", "cluster")
VRT = """<VRTDataset rasterXSize="30" rasterYSize="20"><SRS>EPSG:32641</SRS>
<GeoTransform>300000, 30, 0, 3200040, 0, -30</GeoTransform><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>
<SourceFilename relativeToVRT="1">{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource>
</VRTRasterBand></VRTDataset>"""


def virtual(path: Path, source: str) -> Path:
    path.write_text(VRT.format(source=source))
    return path


def ways(target: Path) -> dict[str, Path]:
    """Names of a file, and of rasters that are read from it."""
    folder = target.parent
    spelling = folder / ".." / folder.name / target.name
    hard, soft = folder.parent / "hard.tif", folder.parent / "soft.tif"
    os.link(target, hard)
    soft.symlink_to(target)
    inner = virtual(folder / "inner.vrt", target.name)
    return {
        "itself": target,
        "spelling": spelling,
        "hard link": hard,
        "link": soft,
        "virtual": inner,
        "nested": virtual(folder / "outer.vrt", inner.name),
    }


def refused(target: Path, capsys: pytest.CaptureFixture[str], *arguments: object) -> None:
    before = target.read_bytes()
    assert call(*arguments) == 2
    error = capsys.readouterr().err
    assert f"{target}: is an input, which is never changed; choose another place" in error
    assert error.count("\n") == 1
    assert target.read_bytes() == before


@pytest.mark.parametrize("way", ["itself", "spelling", "hard link", "link", "virtual", "nested"])
@pytest.mark.parametrize("command", [*FOLDERS, *FILES])
def test_a_scene_is_not_written_over(
    tmp_path: Path, command: str, way: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kind, name = FOLDERS.get(command, ("", "scene.tif"))
    folder = tmp_path / "q"
    claim_folder(folder, kind)
    target = write_raster(folder / name, numbers(3))
    refused(target, capsys, command, ways(target)[way], "-o", target if command in FILES else folder)


@pytest.mark.parametrize("command", ["smooth", "vectorize"])
@pytest.mark.parametrize("way", ["itself", "hard link", "link"])
def test_a_map_is_not_written_over(tmp_path: Path, command: str, way: str, capsys: pytest.CaptureFixture[str]) -> None:
    # GDAL knows a raster by its content.
    name = "map.tif" if command == "smooth" else "map.gpkg"
    target = write_raster(tmp_path / "q" / name, np.ones((20, 30), np.uint8))
    refused(target, capsys, command, ways(target)[way], "-o", target)


@pytest.mark.parametrize(
    ("command", "kind", "name"), [("map", "geological map", "units.gpkg"), ("compare", "comparison", "table-7.1.csv")]
)
def test_labels_are_not_written_over(
    tmp_path: Path, command: str, kind: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from nflows_geo.comparison import KIND

    scene, folder = write_raster(tmp_path / "scene.tif", numbers(3)), tmp_path / "q"
    claim_folder(folder, KIND if command == "compare" else kind)
    target = folder / name
    target.write_text("x,y,class\n300015,3200025,granite\n")
    refused(target, capsys, command, scene, "-o", folder, "--labels", target)


def test_a_grid_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene, grid = write_raster(tmp_path / "scene.tif", numbers(3)), write_raster(tmp_path / "grid.tif", numbers(1))
    refused(grid, capsys, "stack", scene, "-o", grid, "--grid", grid)


def test_python_is_refused_as_the_commands_are(tmp_path: Path) -> None:
    claim_folder(tmp_path / "a", "geological map")
    claim_folder(tmp_path / "b", "anomaly map")
    scene = write_raster(tmp_path / "a" / "map.tif", numbers(3))
    with pytest.raises(FileExistsError, match="is an input"):
        map_scene(open_scene(scene), Recipe(units=2), tmp_path / "a")
    scene = write_raster(tmp_path / "b" / "anomaly.tif", numbers(3))
    with pytest.raises(FileExistsError, match="is an input"):
        anomaly_scene(open_scene(scene), AnomalyRecipe("rx"), tmp_path / "b")


def test_a_map_is_made_beside_its_scene(tmp_path: Path) -> None:
    """What is read may lie in the folder of the results under a name that is not written."""
    claim_folder(tmp_path, "geological map")
    scene = write_raster(tmp_path / "scene.tif", numbers(3))
    before = scene.read_bytes()
    assert call("map", scene, "-k", 3, "-o", tmp_path) == 0
    assert call("map", scene, "-k", 3, "-o", tmp_path) == 0
    assert scene.read_bytes() == before
