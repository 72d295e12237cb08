"""``nflows geo map``, as a person uses it, on a planted scene and on the real one."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from geo_files import numbers, write_landsat, write_raster
from nflows_core.testing import call_command
from nflows_geo.cli import geo
from nflows_geo.evaluation.agreement import adjusted_rand_index
from nflows_geo.labels import read_labels
from nflows_geo.mapping import Recipe, learn, map_scene
from nflows_geo.scene import open_scene
from nflows_geo.tiling import Tiling

SIDE, ROCKS, BANDS = 96, 4, 6


call = partial(call_command, geo)


def planted() -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Four rocks in wavy bodies, under light that changes from pixel to pixel, with two strips of nodata."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    field = np.sin(columns / 25 + np.sin(rows / 20)) + np.sin(rows / 31)
    rocks = np.digitize(field, np.quantile(field, [0.4, 0.7, 0.9])).astype(np.uint8) + 1
    light = 1 + 0.15 * random.standard_normal((SIDE, SIDE))
    spectra = random.uniform(0.1, 0.5, (ROCKS, BANDS))
    scene = spectra.T[:, rocks - 1] * light + 0.002 * random.standard_normal((BANDS, SIDE, SIDE))
    scene[:, :5], scene[2, :, 90:] = np.nan, np.nan
    rocks[~np.isfinite(scene).all(axis=0)] = 0
    return scene.astype(np.float32), rocks


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pixels, rocks = planted()
    folder = tmp_path_factory.mktemp("planted")
    write_raster(folder / "rocks.tif", rocks)
    return write_raster(folder / "scene.tif", pixels, nodata=np.nan)


@pytest.fixture(scope="module")
def mapped(scene: Path) -> Path:
    folder = scene.parent / "mapped"
    assert call("map", scene, "-o", folder, "--labels", scene.parent / "rocks.tif") == 0
    return folder


def units_of(folder: Path) -> NDArray[np.uint8]:
    with rasterio.open(folder / "map.tif") as dataset:
        return np.asarray(dataset.read(1))


def report_of(folder: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return report


def agreement(units: NDArray[np.uint8], rocks: NDArray[np.uint8]) -> float:
    confusion = np.zeros((256, 256), np.int64)
    np.add.at(confusion, (rocks[rocks > 0], units[rocks > 0]), 1)
    return adjusted_rand_index(confusion)


def test_planted_rocks_are_mapped_and_nodata_stays_nodata(mapped: Path) -> None:
    units, (_, rocks) = units_of(mapped), planted()
    np.testing.assert_array_equal(units == 0, rocks == 0)
    assert len(np.unique(units[units > 0])) == ROCKS
    assert agreement(units, rocks) > 0.9


def test_units_are_numbered_by_size(mapped: Path) -> None:
    sizes = np.bincount(units_of(mapped).ravel())[1:]
    assert (np.diff(sizes) <= 0).all()


def test_units_are_numbered_by_size_on_the_map_and_not_in_the_sample(
    scene: Path, mapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nflows_geo.mapping.learning.SCORED", 12)
    numbers = learn(open_scene(scene), Recipe(units=ROCKS)).mapper.units(planted()[0])
    assert (np.diff(np.bincount(numbers.ravel())[1:]) > 0).any()
    report = map_scene(open_scene(scene), Recipe(units=ROCKS), tmp_path)
    units, (pixels, _) = units_of(tmp_path), planted()
    sizes = np.bincount(units.ravel(), minlength=ROCKS + 1)[1:]
    assert (np.diff(sizes) <= 0).all()
    assert [row["pixels"] for row in report["tables"]["Units"]] == sizes.tolist()
    means = [pixels[0, units == unit].mean(dtype=np.float64) for unit in range(1, ROCKS + 1)]
    assert [report["tables"]["Mean spectra"][0][f"unit {unit}"] for unit in range(1, ROCKS + 1)] == pytest.approx(means)
    assert agreement(units, units_of(mapped)) > 0.95


def test_the_map_is_cloud_optimised_and_says_how_it_was_made(mapped: Path, scene: Path) -> None:
    with rasterio.open(scene) as source, rasterio.open(mapped / "map.tif") as dataset:
        assert (dataset.crs, dataset.transform, dataset.shape) == (source.crs, source.transform, source.shape)
        assert dataset.nodata == 0
        assert dataset.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert dataset.tags()["METHOD"] == f"leading-pca, gmm, {report_of(mapped)['number_of_units']['k']} units"
        assert dataset.tags()["SEED"] == "0"
        colours = dataset.colormap(1)
        assert len({colours[unit] for unit in range(1, ROCKS + 1)}) == ROCKS
        assert colours[0][3] == 0


def test_polygons_cover_what_is_mapped(mapped: Path) -> None:
    frame = geopandas.read_file(mapped / "units.gpkg", layer="units")
    assert set(frame["unit"]) == set(range(1, ROCKS + 1))
    assert frame["area_km2"].sum() == pytest.approx(report_of(mapped)["mapped_area_km2"], rel=1e-4)


def test_the_report_tells_areas_spectra_scores_and_inputs(mapped: Path) -> None:
    report, units, (pixels, rocks) = report_of(mapped), units_of(mapped), planted()
    rows = report["tables"]["Units"]
    assert [row["pixels"] for row in rows] == np.bincount(units.ravel(), minlength=len(rows) + 1)[1:].tolist()
    assert sum(row["share_of_map"] for row in rows) == pytest.approx(1)
    spectra = report["tables"]["Mean spectra"]
    expected = pixels[:, units == 1].mean(axis=1, dtype=np.float64)
    assert [row["unit 1"] for row in spectra] == pytest.approx(expected.tolist(), rel=1e-6)
    assert [row["band"] for row in spectra] == [str(band) for band in range(1, BANDS + 1)]
    assert report["adjusted_rand_index"] == pytest.approx(agreement(units, rocks))
    scores = next(rows for caption, rows in report["tables"].items() if caption.startswith("Scores"))
    assert [row["space"] for row in scores] == ["own", "bands"]
    assert {"scene.tif", "rocks.tif"} == set(report["inputs"])
    assert {"nflows-geo", "rasterio", "scikit-learn"} <= set(report["versions"])
    page = (mapped / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    number = report["number_of_units"]
    assert f"the elbow is at {number['k']}" in page
    assert number["ks"] == list(range(2, 21))
    assert number["stability"][number["ks"].index(ROCKS)] > 0.9


def test_the_same_seed_gives_the_same_bytes_whatever_the_tiles_and_threads(
    mapped: Path, scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    opened = open_scene(scene)
    labels = read_labels(scene.parent / "rocks.tif", opened.grid)
    map_scene(opened, Recipe(), tmp_path, tiling=Tiling(side=32), labels=labels)
    assert (tmp_path / "map.tif").read_bytes() == (mapped / "map.tif").read_bytes()
    assert (tmp_path / "units.gpkg").read_bytes() == (mapped / "units.gpkg").read_bytes()


def test_a_dask_cluster_gives_the_same_bytes(mapped: Path, scene: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=None
    ) as cluster:
        assert call("map", scene, "-o", tmp_path, "--dask", cluster.scheduler_address) == 0
    assert (tmp_path / "map.tif").read_bytes() == (mapped / "map.tif").read_bytes()


def test_the_number_of_units_can_be_given(scene: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("map", scene, "-o", tmp_path, "-k", 3, "--no-smooth", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report == report_of(tmp_path)
    assert report["units"] == 3
    assert report["number_of_units"] == {}


@pytest.mark.parametrize("reduction", ["pca", "whitened-pca"])
def test_other_reductions_map_too(reduction: str, scene: Path, tmp_path: Path) -> None:
    assert call("map", scene, "-o", tmp_path, "--reduction", reduction, "-k", 4) == 0
    units, (_, rocks) = units_of(tmp_path), planted()
    np.testing.assert_array_equal(units == 0, rocks == 0)
    assert set(np.unique(units)) == set(range(5))
    assert agreement(units, rocks) > 0.9


def test_a_product_folder_is_shown_in_the_sensors_own_false_colour(tmp_path: Path) -> None:
    product = write_landsat(tmp_path / "product", numbers(7, 40, 40, high=40_000))
    assert call("map", product, "-o", tmp_path / "out", "-k", 2) == 0
    report = report_of(tmp_path / "out")
    assert report["scene"]["quantity"] == "surface reflectance"
    assert "ferric_iron_red_over_blue" in report["tables"]["Units"][0]
    assert "bands B7, B5, B3 as red, green and blue" in (tmp_path / "out" / "report.html").read_text()
    assert [row["band"] for row in report["tables"]["Bands"]] == [f"B{number}" for number in range(1, 8)]


@pytest.mark.real_data
def test_sistan_is_mapped_by_default_without_its_labels(data_folder: Path, tmp_path: Path) -> None:
    folder = data_folder / "geo" / "sistan"
    labels = folder / "Sistan_Landsat8_Training.tif"
    scene = folder / "Sistan_Landsat8.tif"
    assert call("map", scene, "-o", tmp_path, "--labels", labels) == 2
    assert call("map", scene, "-o", tmp_path, "--labels", labels, "--align") == 0
    report = report_of(tmp_path)
    assert report["adjusted_rand_index"] > 0.64
    assert report["against_labels"]["n"] == 4305
    assert report["against_labels"]["groups"] == 79
    assert 6 <= report["units"] <= 11
