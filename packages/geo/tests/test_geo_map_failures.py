"""``nflows geo map`` where it cannot make a map, or is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from geo_files import make_grid, numbers, write_raster
from nflows_core.runtime.ownership import MARK_FILE
from nflows_core.testing import call_command
from nflows_geo import Recipe, map_scene, open_scene
from nflows_geo.cli import geo

call = partial(call_command, geo)


def bad_inputs(folder: Path) -> dict[str, tuple[list[object], str]]:
    scene = write_raster(folder / "scene.tif", numbers(3).astype(np.float32))
    one = write_raster(folder / "one.tif", numbers(1))
    empty = write_raster(folder / "empty.tif", np.zeros((3, 20, 30), np.uint8), nodata=0)
    nan = write_raster(folder / "nan.tif", np.full((3, 20, 30), np.nan, np.float32))
    flat = write_raster(folder / "flat.tif", np.concatenate([numbers(1), np.full((1, 20, 30), 7, np.uint16)]))
    few = write_raster(folder / "few.tif", np.tile(np.arange(1, 4, dtype=np.uint8), (3, 20, 10)))
    cut = folder / "cut.tif"
    cut.write_bytes(write_raster(folder / "whole.tif", numbers(3, 200, 200)).read_bytes()[:60_000])
    shifted = write_raster(folder / "shifted.tif", numbers(1, high=5), make_grid(east=2.3, south=-2.8))
    homeless = write_raster(folder / "homeless.tif", numbers(1, 10, 20, high=5), crs=None)
    points = folder / "points.csv"
    points.write_text("x,y,class\n0,0,granite\n")
    return {
        "one band": ([one], "has one band, and a map needs at least two"),
        "all nodata": ([empty], "no pixel is valid"),
        "all NaN": ([nan], "no pixel is valid"),
        "constant band": ([flat], "band 2 is constant in nearly all of the scene; leave it out: --exclude-bands"),
        "too many units": (
            [few, "-k", 9, "--reduction", "pca"],
            "9 classes are asked for, but the sample has 3 distinct",
        ),
        "truncated": ([cut], "is damaged or cut off"),
        "labels metres off": ([scene, "--labels", shifted], "2.30 m east, 2.80 m north"),
        "labels without CRS": ([scene, "--labels", homeless], "--assume-crs"),
        "points outside": ([scene, "--labels", points, "--assume-crs"], "1 of 1 points lie outside the scene"),
        "false colour": ([scene, "--rgb", "1,2,9"], "no band is called '9'; the bands are 1, 2, 3"),
        "two colours": ([scene, "--rgb", "1,2"], "false colour needs three of the bands 1, 2, 3, got 1, 2"),
        "colours apart": (["--rgb", "1,", scene], "'1,' ends with a comma: write the names without blanks, or all of"),
        "memory": ([scene, "--memory", "1MB"], "of memory"),
        "amount": ([scene, "--memory", "much"], "give one such as 2GB"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "one band",
        "all nodata",
        "all NaN",
        "constant band",
        "too many units",
        "truncated",
        "labels metres off",
        "labels without CRS",
        "points outside",
        "false colour",
        "two colours",
        "colours apart",
        "memory",
        "amount",
    ],
)
def test_bad_input_is_told_and_leaves_no_map(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, message = bad_inputs(tmp_path)[name]
    assert call("map", *arguments, "-o", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error
    assert not (tmp_path / "out" / "map.tif").exists()


KILLED = """
    import os, signal, sys
    from pathlib import Path
    from nflows_geo import Recipe, Tiling, map_scene, open_scene

    def killing(parts, total):
        for number, part in enumerate(parts):
            if number == total // 2:
                assert list(Path(sys.argv[2]).glob(".nflows-*"))
                os.kill(os.getpid(), signal.SIGKILL)
            yield part

    scene, folder = open_scene(Path(sys.argv[1])), Path(sys.argv[2])
    map_scene(scene, Recipe(units=4), folder, tiling=Tiling(side=64, watch=killing))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_killed_while_it_writes_leaves_no_map(tmp_path: Path) -> None:
    scene = write_raster(tmp_path / "scene.tif", numbers(4, 150, 150))
    program, folder = textwrap.dedent(KILLED), tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program, scene, folder], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(folder.glob(".nflows-*"))
    assert not list(folder.glob("[!.]*"))
    # The folder is ours, so the next run begins again in it, and takes away what this one left.
    map_scene(open_scene(scene), Recipe(units=4), folder)
    assert sorted(path.name for path in folder.iterdir()) == [MARK_FILE, *RESULTS]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_run_killed_after_it_has_drawn_leaves_all_of_the_one_before(tmp_path: Path) -> None:
    scene, folder = write_raster(tmp_path / "scene.tif", numbers(4, 60, 60)), tmp_path / "out"
    map_scene(open_scene(scene), Recipe(units=4), folder)
    before = {name: (folder / name).read_bytes() for name in RESULTS}
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from nflows_geo import Recipe, map_scene, open_scene
        from nflows_geo.mapping import pipeline

        pipeline.write_map_report = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
        map_scene(open_scene(Path(sys.argv[1])), Recipe(units=3), Path(sys.argv[2]))
    """)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", program, scene, folder], env=environment, check=False)
    assert done.returncode == -signal.SIGKILL
    assert {name: (folder / name).read_bytes() for name in RESULTS} == before


TERMINATED = """
    import os, signal, sys
    from nflows_core.cli import main
    from nflows_geo.raster import cog

    def terminating(dataset, *rest):
        os.kill(os.getpid(), signal.SIGTERM)
        return written(dataset, *rest)

    written, cog._write_blocks = cog._write_blocks, terminating
    sys.argv[0] = "nflows"
    main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM")
def test_a_command_that_is_told_to_end_takes_away_what_it_has_begun(tmp_path: Path) -> None:
    scene, folder = write_raster(tmp_path / "scene.tif", numbers(4, 150, 150)), tmp_path / "out"
    folder.mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    words = [sys.executable, "-c", textwrap.dedent(TERMINATED), "geo", "stack", scene, "-o", folder / "stack.tif"]
    done = subprocess.run(words, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.splitlines()[-1] == "nflows: error: ended by SIGTERM"
    assert list(folder.iterdir()) == []


RESULTS = ("map.pdf", "map.qml", "map.svg", "map.tif", "report.html", "report.json", "units.gpkg")


@pytest.mark.parametrize("command", ["map", "anomaly", "compare"])
@pytest.mark.parametrize("name", ["map.tif", "report.json", "table-7.1.csv", "notes.txt"])
def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    scene, folder = write_raster(tmp_path / "scene.tif", numbers(4)), tmp_path / "theirs"
    folder.mkdir()
    (folder / name).write_text("mine")
    assert call(command, scene, "-o", folder) == 2
    assert f"has files without the mark of an nflows command, such as {name}" in capsys.readouterr().err
    assert [path.read_text() for path in folder.iterdir()] == ["mine"]


def test_a_map_is_not_replaced_by_what_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene, folder = write_raster(tmp_path / "scene.tif", numbers(4)), tmp_path / "out"
    map_scene(open_scene(scene), Recipe(units=4), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert call("anomaly", scene, "-o", folder) == 2
    assert (
        "holds another kind of result: geological map, not anomaly map; choose another folder"
        in capsys.readouterr().err
    )
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
