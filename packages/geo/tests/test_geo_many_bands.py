"""Scenes of many bands: embeddings of 64 numbers below and above zero, and spectra of a spectrometer."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from geo_files import write_raster
from nflows_core.testing import call_command
from nflows_geo.anomaly.unusual import Gathered, Unusual, most_pixels
from nflows_geo.cli import geo
from short_trainings import shorten_trainings

HEIGHT, WIDTH, UNITS = 40, 50, 4
ODD = np.array([130, 501, 1220, 1803])
call = partial(call_command, geo)


def embeddings(bands: int, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors of length one, (bands, H, W), and their units: noise, three nearly constant bands, four odd pixels."""
    generator = np.random.default_rng(seed)
    centers = generator.normal(size=(UNITS + 1, bands))
    centers[:, :3] = 0.01
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    units = np.arange(HEIGHT * WIDTH) * UNITS // (HEIGHT * WIDTH)
    noise = generator.normal(0, 0.3 / np.sqrt(bands), (len(units), bands))
    noise[:, :3] *= 1e-3
    x = centers[units] + noise
    x[ODD] = 0.6 * x[ODD] + 0.4 * centers[UNITS]
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x.T.reshape(bands, HEIGHT, WIDTH).astype(np.float32), units


@pytest.mark.parametrize("bands", [64, 128])
def test_clusters_of_embeddings_are_their_units(tmp_path: Path, bands: int) -> None:
    x, units = embeddings(bands)
    assert (x < 0).mean() > 0.4
    path = write_raster(tmp_path / "a.tif", x)
    for name in ("one.tif", "two.tif"):
        assert call("cluster", path, "-o", tmp_path / name) == 0
    assert (tmp_path / "one.tif").read_bytes() == (tmp_path / "two.tif").read_bytes()
    with rasterio.open(tmp_path / "one.tif") as dataset:
        found = dataset.read(1).ravel()
    usual = np.delete(np.arange(len(units)), ODD)
    assert adjusted_rand_score(units[usual], found[usual]) == 1


@pytest.mark.parametrize("detector", ["rx", "flow"])
def test_odd_embeddings_are_found(tmp_path: Path, detector: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_trainings(monkeypatch)
    path, out = write_raster(tmp_path / "a.tif", embeddings(64)[0]), tmp_path / "out"
    assert call("anomaly", path, "-o", out, "--detector", detector, "--false-alarm-rate", 0.004) == 0
    with rasterio.open(out / "anomaly.tif") as dataset:
        scores = dataset.read(1).ravel()
    odd = np.isin(np.arange(len(scores)), ODD)
    assert roc_auc_score(odd, scores) > 0.999
    points = geopandas.read_file(out / "anomalies.gpkg", layer="anomalies")
    rows, columns = np.divmod(ODD, WIDTH)
    assert set(zip(points["x"], points["y"], strict=True)) >= {
        dataset.xy(row, column) for row, column in zip(rows, columns, strict=True)
    }


def test_spectra_of_many_bands_are_a_table_of_their_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x, _ = embeddings(64)
    path, out = write_raster(tmp_path / "a.tif", x), tmp_path / "out"
    assert call("anomaly", path, "-o", out, "--detector", "rx", "--false-alarm-rate", 0.002, "--json") == 0
    points = geopandas.read_file(out / "anomalies.gpkg", layer="anomalies")
    spectra = geopandas.read_file(out / "anomalies.gpkg", layer="spectra")
    assert len(points.columns) < 12
    assert list(spectra.columns) == ["rank", "band", "wavelength_nm", "mean", "scene", "around"]
    assert spectra["rank"].tolist() == points["rank"].repeat(64).tolist()
    assert spectra["band"].tolist() == [str(band) for band in range(1, 65)] * len(points)
    row, column = 501 // WIDTH, 501 % WIDTH
    with rasterio.open(path) as dataset:
        place = dataset.xy(row, column)
    (rank,) = points["rank"][(points["x"] == place[0]) & (points["y"] == place[1])]
    np.testing.assert_allclose(spectra["mean"][spectra["rank"] == rank], x[:, row, column], rtol=1e-6)
    report = json.loads(capsys.readouterr().out)
    assert len(report["tables"]["Bands"]) == 64


def test_neighbouring_bands_are_named_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).normal(0.3, 0.01, (40, 30, 50)).astype(np.float32)
    x[4:9, 12, 20] += 0.1
    x[30, 12, 20] -= 0.2
    path = write_raster(tmp_path / "a.tif", x)
    assert call("anomaly", path, "-o", tmp_path / "out", "--detector", "rx", "--json") == 0
    row = json.loads(capsys.readouterr().out)["tables"]["What to look at first"][0]
    assert row["higher_than_around"].startswith("5 to 9 +1")
    assert row["lower_than_around"].startswith("31 -")


def test_unusual_pixels_of_many_bands_take_no_more_memory() -> None:
    assert most_pixels(10) == most_pixels(1) == 2**20
    assert most_pixels(200) * 200 <= most_pixels(10) * 10
    gathered = Gathered(3, most=5)
    for start in range(0, 40, 4):
        places = np.arange(start, start + 4)
        gathered.add(Unusual(places, places.astype(np.float32), np.zeros((4, 3), np.float32)))
    assert gathered.pixels().places.tolist() == [35, 36, 37, 38, 39]


@pytest.mark.parametrize(("bands", "message"), [(198, "too few for a density of 198 bands; give at least 3960")])
def test_fewer_pixels_than_the_bands_need(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], bands: int, message: str
) -> None:
    x = np.random.default_rng(0).normal(size=(bands, 10, 15)).astype(np.float32)
    path = write_raster(tmp_path / "a.tif", x)
    assert call("anomaly", path, "-o", tmp_path / "out", "--detector", "rx", "--false-alarm-rate", 0.1) == 2
    assert message in capsys.readouterr().err
