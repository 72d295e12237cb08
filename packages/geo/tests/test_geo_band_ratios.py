"""Ratios and indices of bands."""

from __future__ import annotations

import numpy as np
import pytest

from nflows_geo.scene import SENSORS
from nflows_geo.spectra import band_ratios, ndvi

OLI = (482, 655, 865, 1609, 2201)


def test_ratios_need_bands_near_their_wavelengths() -> None:
    spectra = np.array([[0.1, 0.2, 0.3, 0.6, 0.4]])
    ratios = band_ratios(spectra, OLI)
    assert ratios["ferric_iron_red_over_blue"] == pytest.approx(2.0)
    assert ratios["hydroxyl_and_carbonate_1600_over_2200"] == pytest.approx(1.5)
    assert set(band_ratios(spectra[:, 1:3], OLI[1:3])) == {"vegetation_nir_over_red"}
    assert band_ratios(spectra, [None] * 5) == {}


@pytest.mark.parametrize(("sensor", "red", "infrared"), [("landsat-8", 3, 4), ("aster", 1, 2), ("sentinel-2", 2, 7)])
def test_vegetation_is_known_by_the_wavelengths(sensor: str, red: int, infrared: int) -> None:
    wavelengths = [centre for _, centre in SENSORS[sensor].values()]
    spectra = np.full((2, len(wavelengths)), 0.2)
    spectra[0, red], spectra[0, infrared], spectra[1] = 0.05, 0.45, 0
    index = ndvi(spectra, wavelengths)
    assert index is not None
    assert index[0] == pytest.approx(0.8)
    assert np.isnan(index[1])
    assert ndvi(spectra, [None] * len(wavelengths)) is None
