"""Whitening of spectra."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nflows_geo.spectra import Whitening


def correlated(count: int, bands: int) -> NDArray[np.float32]:
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(bands, bands))
    return (0.3 + 0.05 * generator.normal(size=(count, bands)) @ mixing).astype(np.float32)


@pytest.mark.parametrize("bands", [1, 2, 6])
def test_gives_zero_mean_and_unit_covariance(bands: int) -> None:
    x = correlated(500, bands)
    z = Whitening.fit(x).apply(x)
    np.testing.assert_allclose(z.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(np.cov(z, rowvar=False).reshape(bands, bands), np.eye(bands), atol=1e-4)


def test_log_det_is_that_of_the_inverse_root_of_the_covariance() -> None:
    x = correlated(500, 4)
    expected = -0.5 * np.linalg.slogdet(np.cov(x.astype(np.float64), rowvar=False))[1]
    assert Whitening.fit(x).log_det == pytest.approx(expected, abs=1e-5)


def test_a_constant_band_is_named() -> None:
    x = correlated(500, 3)
    x[:, 1] = 0.4
    with pytest.raises(ValueError, match="band 2 is constant"):
        Whitening.fit(x)


def test_all_bands_that_others_determine_are_named_at_once() -> None:
    x = correlated(500, 6)
    x[:, 1], x[:, 4] = 2 * x[:, 0], x[:, 2] - x[:, 3]
    with pytest.raises(ValueError, match="is determined by the others") as error:
        Whitening.fit(x)
    named = {int(text) - 1 for text in str(error.value).removeprefix("band ").split(" is ")[0].split(", ")}
    assert len(named) == 2
    Whitening.fit(np.delete(x, list(named), axis=1))


def test_a_band_that_is_there_twice_is_refused() -> None:
    x = correlated(500, 3)
    x[:, 2] = x[:, 0]
    with pytest.raises(ValueError, match=r"band [13] is determined by the others"):
        Whitening.fit(x)


def test_too_few_spectra_are_refused() -> None:
    with pytest.raises(ValueError, match="59 spectra are too few for a density of 3 bands; give at least 60"):
        Whitening.fit(correlated(59, 3))


def test_spectra_without_data_are_counted() -> None:
    x = correlated(500, 3)
    x[7, 1], x[9, 0] = np.nan, np.inf
    with pytest.raises(ValueError, match="2 of 500 spectra are not finite"):
        Whitening.fit(x)


def test_a_block_of_a_scene_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected spectra of shape \(N, bands\), got \(3, 8, 8\)"):
        Whitening.fit(np.zeros((3, 8, 8), np.float32))
