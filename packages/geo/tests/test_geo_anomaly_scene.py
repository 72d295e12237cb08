"""A scene with a known anomaly, from the raster to the list of places."""

from __future__ import annotations

import json
from functools import partial
from itertools import product
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.crs import CRS
from rasterio.transform import from_origin
from rasterio.warp import transform

from geo_files import make_grid, numbers, write_raster
from made_up_spectra import made_up_spectra
from nflows_core.testing import call_command
from nflows_geo.anomaly import DETECTORS, FRACTIONS, AnomalyRecipe, anomaly_scene
from nflows_geo.anomaly.detection import detection
from nflows_geo.anomaly.planted_check import plantable_bands
from nflows_geo.anomaly.planting import MINERALS
from nflows_geo.cli import geo
from nflows_geo.cli.options import DETECTORS as NAMED
from nflows_geo.raster import Grid
from nflows_geo.scene import open_scene, sample_spectra
from nflows_geo.tiling import Tiling
from short_trainings import shorten_trainings

HEIGHT, WIDTH = 40, 50
STRANGE = (slice(10, 12), slice(20, 23))
SENTINEL = ("--sensor", "sentinel-2")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_trainings(monkeypatch)


def write_scene(path: Path, grid: Grid | None = None) -> Path:
    """Ten bands of Sentinel-2 without their names; six pixels are bright in the last, five have no data."""
    block = made_up_spectra(HEIGHT * WIDTH, 0).T.reshape(10, HEIGHT, WIDTH).copy()
    block[-1][STRANGE] += np.linspace(0.5, 0.6, 6).reshape(2, 3)
    block[2, -1, :5] = np.nan
    return write_raster(path, block, grid)


call = partial(call_command, geo, "anomaly")


def layers(folder: Path) -> list[geopandas.GeoDataFrame]:
    """The points and the polygons."""
    return [geopandas.read_file(folder / "anomalies.gpkg", layer=name) for name in ("anomalies", "outlines")]


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_is_strange_comes_first(tmp_path: Path, detector: str, capsys: pytest.CaptureFixture[str]) -> None:
    scene, folder = write_scene(tmp_path / "a.tif"), tmp_path / "out"
    assert call(scene, "-o", folder, "--detector", detector, "--false-alarm-rate", 0.02, *SENTINEL, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    points, _ = layers(folder)
    assert len(points) == report["listed_anomalies"] == report["anomalies"]
    assert points["score"].is_monotonic_decreasing
    first = points[points["pixels"] == 6].iloc[0]
    assert first["rank"] <= (20 if detector == "isolation-forest" else 1)
    assert first["area_m2"] == pytest.approx(5400, rel=3e-3)
    assert first["around_B12"] > 3 > abs(first["around_B4"])
    row = report["tables"]["What to look at first"][first["rank"] - 1]
    assert row["higher_than_around"].startswith("B12 +")
    with rasterio.open(folder / "anomaly.tif") as dataset:
        scores = dataset.read(1)
        assert dataset.tags()["METHOD"] == f"anomaly, {detector}"
        assert float(dataset.tags()["THRESHOLD"]) == pytest.approx(report["threshold"])
        assert dataset.crs.to_epsg() == 32641
        assert scores[dataset.index(first["x"], first["y"])] == first["score"] == scores[STRANGE].max()
    assert np.isnan(scores[-1, :5]).all()
    assert np.isnan(scores).sum() == 5
    assert (scores > report["threshold"]).sum() == report["pixels_above_threshold"] == points["pixels"].sum()


def test_places_and_outlines(tmp_path: Path) -> None:
    scene, folder = write_scene(tmp_path / "a.tif"), tmp_path / "out"
    assert call(scene, "-o", folder, "--detector", "rx", "--false-alarm-rate", 0.02) == 0
    points, polygons = layers(folder)
    x, y = make_grid().place(np.arange(20, 23) + 0.5, 11.5)
    assert (points["x"][0], points["y"][0]) == (pytest.approx(x[2]), pytest.approx(y))
    (longitude,), (latitude,) = transform(CRS.from_epsg(32641), CRS.from_epsg(4326), points["x"][:1], points["y"][:1])
    assert (points["longitude"][0], points["latitude"][0]) == (pytest.approx(longitude), pytest.approx(latitude))
    assert polygons["rank"].tolist() == points["rank"].tolist() == list(range(1, len(points) + 1))
    assert polygons.geometry.contains(points.geometry).all()
    np.testing.assert_allclose(polygons.geometry.area, points["pixels"] * 900)


def test_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    scene = write_scene(tmp_path / "a.tif")
    for name in ("one", "two"):
        assert call(scene, "-o", tmp_path / name, "--seed", 5) == 0
    for file in ("anomaly.tif", "anomalies.gpkg"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_tiles_leave_no_trace(tmp_path: Path) -> None:
    scene, recipe = open_scene(write_scene(tmp_path / "a.tif")), AnomalyRecipe("rx", 0.02)
    for name, side in (("one", None), ("two", 16)):
        anomaly_scene(scene, recipe, tmp_path / name, tiling=Tiling(side=side))
    one, two = (layers(tmp_path / name)[0] for name in ("one", "two"))
    assert one["pixels"].tolist() == two["pixels"].tolist()
    np.testing.assert_allclose(one["score"], two["score"], rtol=1e-5)


def test_degrees(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = write_scene(tmp_path / "a.tif", Grid(CRS.from_epsg(4326), from_origin(61, 29, 1e-3, 1e-3), WIDTH, HEIGHT))
    assert call(scene, "-o", tmp_path / "out", "--detector", "rx", "--json") == 0
    row = json.loads(capsys.readouterr().out)["tables"]["What to look at first"][0]
    assert (row["longitude"], row["latitude"]) == (row["x"], row["y"]) == ("61.02250", "28.98850")


def test_a_scene_without_anomalies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = np.tile(made_up_spectra(10, 0), (100, 1)).T.reshape(10, 20, 50)[:3]
    scene = write_raster(tmp_path / "a.tif", np.ascontiguousarray(block))
    assert call(scene, "-o", tmp_path / "out", "--detector", "rx", "--json") == 0
    assert json.loads(capsys.readouterr().out)["anomalies"] == 0
    assert [len(layer) for layer in layers(tmp_path / "out")] == [0, 0]


# Planted minerals


def test_planted_minerals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_scene(tmp_path / "a.tif")
    assert call(path, "-o", tmp_path / "out", "--detector", "rx", "--planted", *SENTINEL, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert set(report["planted_mean_auroc"]) == set(FRACTIONS)
    scene = open_scene(path, sensor="sentinel-2")
    spectra = sample_spectra(scene, 0)
    for caption, fractions in FRACTIONS.items():
        rows = report["tables"][f"How often planted minerals are found: {caption}"]
        assert [(row["mineral"], row["detector"]) for row in rows] == list(product(MINERALS, DETECTORS))
        assert all(row["n"] == 5 and row["auroc_interval_95_low"] <= row["auroc"] for row in rows)
        # What `detection` measures of the same spectra.
        alone = [row["auroc"] for row in detection(spectra, scene.wavelengths, fractions=fractions, detectors=["rx"])]
        assert [row["auroc"] for row in rows if row["detector"] == "rx"] == pytest.approx(alone)
        assert report["planted_mean_auroc"][caption]["rx"] == pytest.approx(np.mean(alone))
    much, little = (report["planted_mean_auroc"][caption] for caption in FRACTIONS)
    assert all(much[name] > little[name] for name in DETECTORS)


def test_bands_in_which_minerals_are_not_known_are_left_out(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.tif", numbers(4))
    with rasterio.open(path, "r+") as dataset:
        for index, micrometres in enumerate((0.38, 0.48, 2.2, 10.9), 1):
            dataset.update_tags(index, ns="IMAGERY", CENTRAL_WAVELENGTH_UM=str(micrometres))
    assert plantable_bands(open_scene(path)) == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "needs the wavelength of band 1, 2, 3, 4, 5, 6, 7, 8, 9, 10; say by --sensor"),
        (["--sensor", "aster"], "has 10 bands, not 9"),
        (SENTINEL, "needs reflectances from 0 to 1, but half of the values exceed"),
    ],
)
def test_where_minerals_cannot_be_planted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    scene = write_raster(tmp_path / "a.tif", numbers(10, HEIGHT, WIDTH))
    assert call(scene, "-o", tmp_path / "out", "--detector", "rx", "--planted", *arguments) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# Bad input


@pytest.mark.parametrize(
    ("pixels", "arguments", "message"),
    [
        (numbers(1), [], "has one band"),
        (numbers(3), [], "a false-alarm rate of 0.001 takes at least 1000 scores, got 600; give a higher rate"),
        (numbers(3), ["--false-alarm-rate", "1"], "1.0 is not in the range 0<x<1"),
        (numbers(3), ["--false-alarm-rate", "0"], "0.0 is not in the range 0<x<1"),
        (numbers(3), ["--detector", "magic"], "'magic' is not one of"),
        (numbers(3), ["--rgb", "1,2"], "false colour needs three of the bands 1, 2, 3"),
        (numbers(3), ["--memory", "100MB", "--detector", "rx", "--false-alarm-rate", "0.1"], "GiB of memory"),
        (numbers(3)[:, :5, :5], ["--false-alarm-rate", "0.5"], "25 spectra are too few for a density of 3 bands"),
        (np.zeros((3, 20, 30), np.uint8), [], "no pixel is valid"),
        (np.ones((3, 40, 50), np.float32), [], "band 1, 2, 3 is constant"),
    ],
)
def test_bad_input(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint16]],
    arguments: list[str],
    message: str,
) -> None:
    scene = write_raster(tmp_path / "a.tif", pixels, nodata=0)
    assert call(scene, "-o", tmp_path / "out", *arguments) == 2
    output = capsys.readouterr()
    assert message in output.err
    assert "Traceback" not in output.err
    assert not (tmp_path / "out").exists()


def test_the_command_knows_the_detectors() -> None:
    assert tuple(DETECTORS) == NAMED
