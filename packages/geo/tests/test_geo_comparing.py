"""Methods compared on a scene."""

from __future__ import annotations

import csv
import json
import re
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from geo_files import make_grid, numbers, write_raster
from made_up_scenes import shaded_scene
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.cli.options import METHODS as METHODS_OF_THE_COMMAND
from nflows_geo.comparison.comparing import METHODS, Comparison, compare, units_at
from nflows_geo.comparison.report import ASKED, BAND_SPACE, INTERVALS, LABELS, OWN_SPACE, READINGS, UNITS, tables
from nflows_geo.evaluation import over_seeds
from nflows_geo.labels import Labels, read_labels
from nflows_geo.mapping import Recipe, learn
from nflows_geo.reductions import DEFAULT
from nflows_geo.scene import Scene, open_scene

call = partial(call_command, geo)


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, Path]:
    """A scene and the labels of a part of it."""
    pixels, units = shaded_scene(0, 60)
    labels = (units + 1).astype(np.uint8)
    labels[:, 20:] = 0
    return write_raster(tmp_path / "scene.tif", pixels), write_raster(tmp_path / "labels.tif", labels, nodata=0)


def opened(planted: tuple[Path, Path]) -> tuple[Scene, Labels]:
    scene = open_scene(planted[0])
    return scene, read_labels(planted[1], scene.grid)


def test_tables_are_means_over_the_runs_of_each_method(
    planted: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--labels", planted[1], "-o", tmp_path / "out", "--seeds", 2]
    assert call("compare", planted[0], *arguments, "--method", "pca", "--method", DEFAULT, "--json") == 0
    captured = capsys.readouterr()
    report = json.loads(captured.out)
    runs = [run for run in report["tables"]["Runs"] if run["units_by"] == "elbow"]
    assert [(run["method"], run["seed"]) for run in runs] == [("pca", 0), ("pca", 1), (DEFAULT, 0), (DEFAULT, 1)]
    for caption in (UNITS, OWN_SPACE, BAND_SPACE, LABELS):
        assert [(row["method"], row["seeds"]) for row in report["tables"][caption]] == [("pca", 2), (DEFAULT, 2)]
        assert READINGS[caption] in captured.err
    assert INTERVALS in captured.err
    of_pca = [run["adjusted_rand_index"] for run in runs if run["method"] == "pca"]
    row = report["tables"][LABELS][0]
    assert row["adjusted_rand_index"] == pytest.approx(np.mean(of_pca))
    assert row["adjusted_rand_index_interval_95"] == pytest.approx(over_seeds(of_pca)["interval_95"])
    assert (report["labelled_pixels"], report["label_polygons"]) == (1200, 3)
    asked = report["tables"][ASKED]
    assert [(row["method"], row["units"]) for row in asked] == [*product(("pca", DEFAULT), (5, 6, 7, 8))]
    of_seven = [run for run in report["tables"]["Runs"] if run["units_by"] == "asked" and run["units"] == 7][:2]
    indices = [run["own_calinski_harabasz"] for run in of_seven]
    assert asked[2]["own_calinski_harabasz"] == pytest.approx(np.mean(indices))
    with (tmp_path / "out" / "table-7.3.csv").open() as file:
        written = list(csv.DictReader(file))
    assert float(written[1]["overall_accuracy"]) == report["tables"][LABELS][1]["overall_accuracy"]
    assert "do not compare methods" in (tmp_path / "out" / "report.html").read_text()


def test_the_default_finds_planted_units_that_pca_does_not(planted: tuple[Path, Path]) -> None:
    scene, labels = opened(planted)
    runs = [run for run in compare(scene, ["pca", DEFAULT], 1, labels).runs if run["units_by"] == "elbow"]
    by_method = {run["method"]: run["adjusted_rand_index"] for run in runs}
    assert by_method[DEFAULT] > 0.8
    assert by_method["pca"] < 0.2


def test_without_labels_there_is_no_table_of_agreement(planted: tuple[Path, Path], tmp_path: Path) -> None:
    assert call("compare", planted[0], "-o", tmp_path / "out", "--seeds", 1, "--method", "pca") == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert set(report["tables"]) == {UNITS, OWN_SPACE, BAND_SPACE, ASKED, "Runs"}
    assert report["tables"][UNITS][0]["units_interval_95"] is None
    assert not (tmp_path / "out" / "table-7.3.csv").exists()


def test_a_method_that_fails_is_reported_and_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels, _ = shaded_scene(0, 48)
    path = write_raster(tmp_path / "a.tif", pixels[[0, 1, 2, 2]])
    arguments = ["-o", tmp_path / "out", "--seeds", 1, "--method", "flow", "--method", "pca"]
    assert call("compare", path, *arguments) == 1
    # Bands 3 and 4 are the same: which of them depends on the other is for rounding to say.
    assert re.search("flow, seed 0: band [34] is determined by the others", capsys.readouterr().err)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert list(report["failures"]) == ["flow, seed 0"]
    assert [row["method"] for row in report["tables"][UNITS]] == ["pca"]


def test_units_at_labels_are_those_of_the_map(planted: tuple[Path, Path]) -> None:
    scene, labels = opened(planted)
    mapper = learn(scene, Recipe("pca", units=3)).mapper
    whole = mapper.units(next(scene.blocks())[1])
    np.testing.assert_array_equal(units_at(labels, scene, mapper, side=16), labels.at(whole))


def test_runs_with_other_numbers_of_units_are_summed_up() -> None:
    scores = {f"{space}_{name}": 1.0 for space in ("own", "bands")
              for name in ("calinski_harabasz", "davies_bouldin", "silhouette")}  # fmt: skip
    runs = [
        {"method": DEFAULT, "seed": seed, "units": units, "units_by": "elbow", "sure": units == 7,
         "components": 4, "seconds": 2.0, **scores}
        for seed, units in enumerate((6, 7, 8))
    ]  # fmt: skip
    row = tables(Comparison(runs, {}))[0].rows[0]
    assert (row["units"], row["least_units"], row["most_units"], row["seconds_per_run"]) == (7, 6, 8, 2)
    assert (row["elbow_of"], row["sure"]) == ("negative log-likelihood", 1)
    assert (row["reduction"], row["clustering"]) == (DEFAULT, "gmm")


def test_the_command_knows_every_method() -> None:
    assert tuple(METHODS) == METHODS_OF_THE_COMMAND
    assert next(iter(METHODS)) == DEFAULT


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["two.tif", "--method", "tsne"], "'tsne' is not one of"),
        (["two.tif", "--method", "pca", "--method", "pca"], "'pca' is given twice"),
        (["one.tif"], "has one band, and a map needs at least two"),
        (["empty.tif", "--method", "pca"], "no method has made a map; the first failure: empty.tif: no pixel is valid"),
        (["two.tif", "--labels", "elsewhere.tif"], "elsewhere.tif does not lie on the grid of the scene"),
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
    write_raster(Path("one.tif"), numbers(1))
    write_raster(Path("two.tif"), numbers(2))
    write_raster(Path("empty.tif"), np.zeros((2, 20, 30), np.uint8), nodata=0)
    write_raster(Path("elsewhere.tif"), np.ones((20, 30), np.uint8), make_grid(east=2.283, south=-2.844))
    assert call("compare", *arguments, "-o", "out", "--seeds", 1) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err
    assert not Path("out").exists()
