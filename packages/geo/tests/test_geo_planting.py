"""Planted anomalies, and how well detectors find them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from made_up_spectra import WAVELENGTHS, made_up_spectra
from nflows_geo.anomaly import DETECTORS
from nflows_geo.anomaly.detection import detection
from nflows_geo.anomaly.detectors import FlowDetector
from nflows_geo.anomaly.planting import MINERALS, Planted, aurocs, plant
from nflows_geo.spectra.density import TRAINING
from nflows_geo.spectra.responses import material_spectra

OLI = (482.0, 561.0, 655.0, 865.0, 1609.0, 2201.0)


def short_flow(epochs: int) -> partial[FlowDetector]:
    return partial(FlowDetector.fit, training=replace(TRAINING, epochs=epochs, batch_size=512))


@pytest.mark.parametrize("same_brightness", [False, True])
def test_planted_spectra_are_mixtures_and_the_others_as_they_were(same_brightness: bool) -> None:
    x = made_up_spectra(500, 0)
    minerals = material_spectra(WAVELENGTHS, ("alunite", "goethite")).astype(np.float32)
    planted = plant(x, minerals, 20, (0.3, 0.5), same_brightness=same_brightness, seed=1)
    changed = np.flatnonzero((planted.spectra != x).any(1))
    np.testing.assert_array_equal(changed, np.sort(planted.positions))
    assert np.bincount(planted.minerals).tolist() == [20, 20]
    assert 0.3 <= planted.fractions.min() < planted.fractions.max() <= 0.5
    for i, kind, part in zip(planted.positions, planted.minerals, planted.fractions, strict=True):
        scale = np.linalg.norm(x[i]) / np.linalg.norm(minerals[kind]) if same_brightness else 1
        np.testing.assert_allclose(planted.spectra[i], (1 - part) * x[i] + part * scale * minerals[kind], rtol=1e-5)


def test_seed_decides_where() -> None:
    x, alunite = made_up_spectra(500, 0), material_spectra(WAVELENGTHS, ("alunite",)).astype(np.float32)
    first, again, other = (plant(x, alunite, 20, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.spectra, again.spectra)
    assert set(first.positions) != set(other.positions)


def test_what_cannot_be_planted_is_refused() -> None:
    x = made_up_spectra(100, 0)
    with pytest.raises(ValueError, match=r"minerals of shape \(1, 6\) do not fit spectra of shape \(100, 10\)"):
        plant(x, np.ones((1, 6), np.float32))
    with pytest.raises(ValueError, match=r"fractions must increase within \(0, 1\], got 0.6 to 0.2"):
        plant(x, np.ones((1, 10), np.float32), fractions=(0.6, 0.2))
    with pytest.raises(ValueError, match="cannot plant 100 spectra among 100"):
        plant(x, np.ones((2, 10), np.float32))


def test_known_areas() -> None:
    scores = np.array([0, 1, 2, 3, 4, 9, 2.5], np.float32)
    spectra = np.zeros((7, 1), np.float32)
    planted = Planted(spectra, np.array([5, 6]), np.array([0, 1]), np.array([0.3, 0.3], np.float32))
    assert aurocs(scores, planted) == [1.0, 0.6]


def test_the_flow_finds_what_lies_between_the_units_and_rx_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS, "flow", short_flow(epochs=8))
    rows = detection(made_up_spectra(20_000, 0), WAVELENGTHS, detectors=["flow", "rx"], seeds=range(2))
    areas = {(row["mineral"], row["detector"]): row["auroc"] for row in rows}
    flow, rx = ([areas[mineral, name] for mineral in MINERALS] for name in ("flow", "rx"))
    assert np.mean(flow) > 0.9
    assert np.min(flow) > 0.8
    assert areas["hematite", "rx"] < 0.7
    assert np.all(np.subtract(flow, rx) > 0)
    assert all(row["n"] == 2 and row["auroc_interval_95"][0] <= row["auroc"] for row in rows)


@pytest.mark.real_data
def test_minerals_are_found_in_a_real_scene(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import rasterio

    monkeypatch.setitem(DETECTORS, "flow", short_flow(epochs=3))
    with rasterio.open(data_folder / "geo" / "sistan" / "Sistan_Landsat8.tif") as scene:
        spectra = scene.read().reshape(6, -1).T[::5]
    rows = detection(spectra, OLI, detectors=["flow"], seeds=range(2))
    assert min(row["auroc"] for row in rows) > 0.95


def test_one_seed_has_no_interval() -> None:
    with pytest.raises(ValueError, match="an interval takes at least two seeds, got 1"):
        detection(made_up_spectra(500, 0), WAVELENGTHS, seeds=[0])
