"""The framework step by step: reduce, cluster, smooth and score."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, calinski_harabasz_score

from geo_files import describe, make_grid, numbers, write_raster
from made_up_scenes import shaded_scene
from nflows_core.testing import call_command
from nflows_geo.cli import geo, options
from nflows_geo.clustering import CLUSTERINGS
from nflows_geo.mapping import majority_filter
from nflows_geo.reductions import DEFAULT, REDUCTIONS
from nflows_geo.scene import open_scene
from nflows_geo.spectra import PercentileScaling
from nflows_geo.steps import reduce_scene, smooth_map
from nflows_geo.tiling import Tiling

call = partial(call_command, geo)


def read(path: Path) -> NDArray[np.uint8]:
    with rasterio.open(path) as dataset:
        return np.asarray(dataset.read(1))


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    pixels, _ = shaded_scene(0, 60)
    pixels[:, :4, :7] = np.nan
    return describe(write_raster(tmp_path / "scene.tif", pixels), ["blue", "red", "nir", "swir"])


@pytest.mark.parametrize("reduction", ["local-whitening", "pca"])
def test_the_steps_make_the_units_of_a_map_under_other_numbers(tmp_path: Path, scene: Path, reduction: str) -> None:
    components, units, smoothed = (tmp_path / name for name in ("components.tif", "units.tif", "smoothed.tif"))
    assert call("map", scene, "-o", tmp_path / "map", "--reduction", reduction, "--seed", 3) == 0
    assert call("reduce", scene, "-o", components, "--reduction", reduction, "--seed", 3) == 0
    assert call("cluster", components, "-o", units, "--seed", 3) == 0
    assert call("smooth", units, "-o", smoothed) == 0
    whole, stepwise = read(tmp_path / "map" / "map.tif"), read(smoothed)
    assert adjusted_rand_score(whole.ravel(), stepwise.ravel()) == 1
    assert ((whole == 0) == (stepwise == 0)).all()
    with rasterio.open(tmp_path / "map" / "map.tif") as first, rasterio.open(smoothed) as second:
        assert second.tags()["METHOD"] == f"{first.tags()['METHOD']}, majority filter"
        assert (second.crs, second.transform, second.nodata) == (first.crs, first.transform, 0)


def test_components_are_those_of_the_whole_scene_whatever_the_tiles(tmp_path: Path, scene: Path) -> None:
    whole, tiled = tmp_path / "whole.tif", tmp_path / "tiled.tif"
    assert call("reduce", scene, "-o", whole) == 0
    reduce_scene(open_scene(scene), tiled, tiling=Tiling(side=17))
    with rasterio.open(whole) as first, rasterio.open(tiled) as second:
        np.testing.assert_allclose(second.read(), first.read(), atol=1e-5)
        assert first.descriptions == ("component 1", "component 2", "component 3")
        assert first.dtypes[0] == "float32"
        assert np.isnan(first.read(1)).sum() == 28
        tags = first.tags()
    assert (tags["METHOD"], tags["SEED"]) == ("leading-pca", "0")
    assert tags["INPUT_SHA256"] == open_scene(scene).sha256()


def test_class_rasters_of_other_programs_are_maps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    classes = (np.arange(600).reshape(20, 30) // 200 + 1).astype(np.int16)
    classes[0] = -9999
    write_raster(tmp_path / "classes.tif", classes, nodata=-9999)
    assert call("smooth", tmp_path / "classes.tif", "-o", tmp_path / "smooth.tif") == 0
    assert call("vectorize", tmp_path / "classes.tif", "-o", tmp_path / "units.gpkg") == 0
    with rasterio.open(tmp_path / "smooth.tif") as dataset:
        assert np.unique(dataset.read(1)).tolist() == [0, 1, 2, 3]
    write_raster(tmp_path / "many.tif", classes + 300)
    assert call("vectorize", tmp_path / "many.tif", "-o", tmp_path / "many.gpkg") == 2
    assert "the units of a map are 1 to 255" in capsys.readouterr().err


def test_a_scene_is_clustered_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = np.where(np.arange(30) < 12, 0.1, 0.9) + np.random.default_rng(0).normal(0, 0.01, (20, 30))
    path = write_raster(tmp_path / "a.tif", values.astype(np.float32))
    assert call("cluster", path, "-o", tmp_path / "units.tif", "--units", 2, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["units"] == [{"unit": 1, "pixels": 360}, {"unit": 2, "pixels": 240}]
    assert report["number_of_units"] == {}
    np.testing.assert_array_equal(read(tmp_path / "units.tif")[0], np.where(np.arange(30) < 12, 2, 1))


@pytest.mark.parametrize(("reduction", "elbow"), [("local-whitening", "logarithm of the"), ("pca", "sum of")])
def test_the_elbow_is_that_of_the_reduction(
    tmp_path: Path, scene: Path, capsys: pytest.CaptureFixture[str], reduction: str, elbow: str
) -> None:
    assert call("reduce", scene, "-o", tmp_path / "c.tif", "--reduction", reduction) == 0
    capsys.readouterr()
    assert call("cluster", tmp_path / "c.tif", "-o", tmp_path / "u.tif", "--json") == 0
    assert json.loads(capsys.readouterr().out)["number_of_units"]["elbow_of"].startswith(elbow)


def test_smoothing_in_tiles_keeps_names_and_colours(tmp_path: Path) -> None:
    units = np.random.default_rng(0).integers(0, 4, (40, 50)).astype(np.uint8)
    path = write_raster(tmp_path / "map.tif", units, nodata=0)
    with rasterio.open(path, "r+") as dataset:
        dataset.write_colormap(1, {1: (10, 20, 30, 255), 2: (40, 50, 60, 255), 3: (70, 80, 90, 255)})
        dataset.update_tags(CLASS_2="dunite")
    report = smooth_map(path, tmp_path / "smoothed.tif", tiling=Tiling(side=16))
    expected = majority_filter(units)
    np.testing.assert_array_equal(read(tmp_path / "smoothed.tif"), expected)
    assert (report["mapped_pixels"], report["changed_pixels"]) == ((units > 0).sum(), (units != expected).sum())
    with rasterio.open(tmp_path / "smoothed.tif") as dataset:
        assert dataset.colormap(1)[2] == (40, 50, 60, 255)
        assert dataset.tags()["CLASS_2"] == "dunite"


def test_a_map_of_the_labels_agrees_with_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pixels, units = shaded_scene(1, 60)
    labels = (units + 1).astype(np.uint8)
    scene = write_raster(tmp_path / "scene.tif", pixels)
    path = write_raster(tmp_path / "map.tif", np.array([0, 2, 3, 1], np.uint8)[labels], nodata=0)
    labels[:, :50] = 0
    ground = write_raster(tmp_path / "labels.tif", labels, nodata=0)
    assert call("score", path, "--labels", ground, "--scene", scene, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["against_labels"]["adjusted_rand_index"] == 1
    assert report["against_labels"]["overall_accuracy"] == 1
    assert (report["against_labels"]["n"], report["against_labels"]["groups"]) == (600, 3)
    spectra = pixels.reshape(4, -1).T
    expected = calinski_harabasz_score(PercentileScaling.fit(spectra).transform(spectra), units.ravel())
    assert report["without_labels"]["space"] == "bands"
    assert report["without_labels"]["calinski_harabasz"] == pytest.approx(expected, rel=1e-4)
    assert [unit["pixels"] for unit in report["units"]] == [1200, 1200, 1200]


def test_components_are_scored_as_they_are(tmp_path: Path, scene: Path, capsys: pytest.CaptureFixture[str]) -> None:
    components, units = tmp_path / "components.tif", tmp_path / "units.tif"
    assert call("reduce", scene, "-o", components, "--reduction", "pca") == 0
    assert call("cluster", components, "-o", units, "-k", 3) == 0
    capsys.readouterr()
    assert call("score", units, "--scene", components, "--json") == 0
    scores = json.loads(capsys.readouterr().out)["without_labels"]
    with rasterio.open(components) as dataset:
        points, classes = dataset.read().reshape(dataset.count, -1).T, read(units).ravel()
    assert scores["space"] == "components by pca"
    expected = calinski_harabasz_score(points[classes > 0], classes[classes > 0])
    assert scores["calinski_harabasz"] == pytest.approx(expected, rel=1e-4)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reduce", "one.tif", "-o", "c.tif"], "has one band, and a map needs at least two"),
        (["reduce", "two.tif", "-o", "c.tif", "--reduction", "umap"], "'umap' is not one of"),
        (["reduce", "two.tif", "-o", "c.tif", "--memory", "100MB"], "GiB of memory, more than"),
        (["reduce", "empty.tif", "-o", "c.tif"], "no pixel is valid"),
        (["reduce", "two.tif", "-o", "two.tif"], "is an input, which is never changed"),
        (["cluster", "flat.tif", "-o", "u.tif", "-k", "4"], "the sample has 3 distinct spectra; ask for fewer"),
        (["cluster", "flat.tif", "-o", "u.tif"], "there is no elbow; say how many classes there are"),
        (["cluster", "empty.tif", "-o", "u.tif"], "no pixel is valid"),
        (["smooth", "two.tif", "-o", "s.tif"], "a map has one band of whole numbers, 1 to 255"),
        (["score", "two.tif"], "a map has one band of whole numbers, 1 to 255"),
        (["score", "map.tif", "--labels", "elsewhere.tif"], "elsewhere.tif does not lie on the grid"),
        (["score", "map.tif", "--scene", "elsewhere.tif"], "elsewhere.tif does not lie on the grid of map.tif"),
        (["score", "nothing.tif"], "is all nodata; there is nothing to score"),
        (["score", "map.tif", "--scene", "two.tif"], "scores compare units, and there is only one"),
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
    write_raster(Path("flat.tif"), np.arange(600).reshape(20, 30).astype(np.float32) // 200)
    write_raster(Path("map.tif"), np.ones((20, 30), np.uint8))
    write_raster(Path("nothing.tif"), np.zeros((20, 30), np.uint8))
    write_raster(Path("elsewhere.tif"), np.ones((20, 30), np.uint8), make_grid(east=2.283, south=-2.844))
    before = sorted(Path().iterdir())
    assert call(*arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err
    assert sorted(Path().iterdir()) == before


def test_labels_metres_off_are_aligned_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halves = np.repeat([1, 2], 300).reshape(20, 30).astype(np.uint8)
    path = write_raster(tmp_path / "map.tif", halves)
    labels = write_raster(tmp_path / "l.tif", halves, make_grid(east=2.283))
    assert call("score", path, "--labels", labels) == 2
    assert "2.28 m east, 0.00 m north" in (error := capsys.readouterr().err)
    assert "--align resamples it" in error
    assert call("score", path, "--labels", labels, "--align", "--json") == 0
    scores = json.loads(capsys.readouterr().out)["against_labels"]
    assert (scores["n"], scores["overall_accuracy"]) == (600, 1)
    assert (scores["labels"], scores["units"], scores["confusion"]) == ([1, 2], [1, 2], [[300, 0], [0, 300]])


def test_a_layer_of_polygons_is_what_a_map_is_scored_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    halves = np.repeat([1, 2], 300).reshape(20, 30).astype(np.uint8)
    path = write_raster(tmp_path / "map.tif", halves)
    left, bottom, right, top = make_grid(30, 20).bounds
    middle = (bottom + top) / 2
    figures = [shapely.box(left, middle, right, top), shapely.box(left, bottom, right, middle), shapely.box(0, 0, 1, 1)]
    frame = geopandas.GeoDataFrame({"rock": ["tuff", "slate", "slate"]}, geometry=figures, crs=32641)
    for layer in ("units", "older"):
        frame.to_file(tmp_path / "geology.gpkg", layer=layer)
    labels = ("--labels", tmp_path / "geology.gpkg", "--column", "rock")
    assert call("score", path, *labels) == 2
    assert "layers: units (Polygon), older (Polygon); --labels-layer names one" in capsys.readouterr().err
    assert call("score", path, *labels, "--labels-layer", "units", "--json") == 0
    output = capsys.readouterr()
    note = "geology.gpkg: 1 of 3 polygons have no pixel: outside the scene, too small or overlaid"
    assert output.err.count(note) == 1
    scores = json.loads(output.out)["against_labels"]
    assert (scores["n"], scores["groups"], scores["overall_accuracy"], scores["notes"]) == (600, 2, 1, [note])


def test_the_commands_know_every_method_and_begin_with_the_default() -> None:
    assert set(options.REDUCTIONS) == set(REDUCTIONS)
    assert set(options.CLUSTERINGS) == set(CLUSTERINGS)
    assert options.REDUCTIONS[0] == DEFAULT
