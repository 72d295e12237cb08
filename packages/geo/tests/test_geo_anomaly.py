"""The detectors of anomalies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from made_up_spectra import made_up_spectra
from nflows_geo.anomaly.detectors import DETECTORS, RxDetector, threshold
from short_trainings import shorten_trainings


@pytest.fixture(autouse=True)
def short_training(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_trainings(monkeypatch)


@pytest.mark.parametrize("name", DETECTORS)
def test_what_is_like_nothing_else_scores_high(name: str) -> None:
    x = made_up_spectra(2000, 0)
    x[17] = np.linspace(0.9, 0.1, 10)
    scores = DETECTORS[name](x, 0).score(x)
    assert (scores.shape, scores.dtype) == ((2000,), np.float32)
    assert (scores > scores[17]).mean() < 0.01


@pytest.mark.parametrize("name", DETECTORS)
def test_same_seed_gives_the_same_scores(name: str) -> None:
    x = made_up_spectra(500, 0)
    first, second = (DETECTORS[name](x, 3).score(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", DETECTORS)
def test_spectra_of_other_bands_are_refused(name: str) -> None:
    detector = DETECTORS[name](made_up_spectra(500, 0), 0)
    with pytest.raises(ValueError, match=r"expected spectra of shape \(N, 10\), got \(5, 4\)"):
        detector.score(np.zeros((5, 4), np.float32))


def test_rx_is_the_squared_mahalanobis_distance() -> None:
    x = made_up_spectra(1000, 0)
    mean, inverse = x.mean(0), np.linalg.inv(np.cov(x.astype(np.float64), rowvar=False))
    expected = [mahalanobis(spectrum, mean, inverse) ** 2 for spectrum in x[:50]]
    np.testing.assert_allclose(RxDetector.fit(x).score(x[:50]), expected, rtol=1e-3)


@pytest.mark.parametrize("rate", [0.5, 0.01, 0.001])
def test_threshold_keeps_the_rate_of_false_alarms(rate: float) -> None:
    scores = np.random.default_rng(0).normal(size=10_001).astype(np.float32)
    assert (scores > threshold(scores, rate)).mean() == pytest.approx(rate, abs=1e-4)


def test_threshold_refuses_what_it_cannot_keep() -> None:
    with pytest.raises(ValueError, match=r"must be between 0 and 1, got 1\.5"):
        threshold(np.zeros(100, np.float32), 1.5)
    with pytest.raises(ValueError, match=r"a false-alarm rate of 0\.001 takes at least 1000 scores, got 100"):
        threshold(np.zeros(100, np.float32), 0.001)
