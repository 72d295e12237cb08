from __future__ import annotations

import numpy as np
import pytest

from nflows_geo.spectra import PercentileScaling


def test_percentiles_become_zero_and_one() -> None:
    ramp = np.linspace(0, 1, 1001, dtype=np.float32)
    spectra = np.stack([ramp, 5 + 2 * ramp], axis=1)
    scaling = PercentileScaling.fit(spectra)
    np.testing.assert_allclose(scaling.low, [0.01, 5.02], rtol=1e-5)
    np.testing.assert_allclose(scaling.high, [0.99, 6.98], rtol=1e-5)
    scaled = scaling.transform(spectra)
    assert (scaled.min(), scaled.max()) == (0, 1)
    np.testing.assert_allclose(scaled[500], 0.5, atol=1e-6)


def test_one_absurd_pixel_does_not_change_the_scale() -> None:
    rng = np.random.default_rng(0)
    spectra = rng.random((10_000, 2), np.float32)
    with_outlier = np.concatenate([spectra, np.full((1, 2), 1e6, np.float32)])
    np.testing.assert_allclose(PercentileScaling.fit(with_outlier).high, PercentileScaling.fit(spectra).high, rtol=1e-3)


def test_a_constant_band_is_named() -> None:
    spectra = np.random.default_rng(0).random((100, 3), np.float32)
    spectra[:, 1] = 0.2
    with pytest.raises(ValueError, match="band 2 is constant"):
        PercentileScaling.fit(spectra)
