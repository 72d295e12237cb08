"""The table of materials, and how bands see it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from nflows_geo.spectra import absorption_depths
from nflows_geo.spectra.materials import MATERIALS
from nflows_geo.spectra.responses import band_widths, material_spectra

OLI = (482.0, 561.0, 655.0, 865.0, 1609.0, 2201.0)
FINE = np.arange(400.0, 2501.0)
AVIRIS = [centre for centre in np.arange(400.0, 2500.0, 9.5) if not (1340 < centre < 1440 or 1790 < centre < 1960)]


@pytest.mark.parametrize("name", MATERIALS)
def test_reflectances_are_possible(name: str) -> None:
    curve = MATERIALS[name].reflectance(FINE)
    assert 0 < curve.min() < curve.max() <= 1


@pytest.mark.parametrize(
    ("name", "low", "high", "deepest"),
    [
        ("alunite", 2100, 2250, 2170),
        ("alunite", 1600, 1850, 1765),
        ("kaolinite", 2100, 2250, 2207),
        ("kaolinite", 1350, 1450, 1414),
        ("muscovite", 2100, 2250, 2200),
        ("montmorillonite", 1800, 2000, 1910),
        ("jarosite", 2150, 2320, 2265),
        ("jarosite", 750, 1200, 910),
        ("chlorite", 2200, 2450, 2335),
        ("epidote", 2200, 2450, 2338),
        ("calcite", 2200, 2450, 2338),
        ("dolomite", 2200, 2450, 2316),
        ("gypsum", 1850, 2050, 1945),
        ("hematite", 750, 1200, 860),
        ("goethite", 750, 1250, 930),
        ("green vegetation", 600, 720, 670),
        ("dry vegetation", 2000, 2200, 2090),
        ("snow", 900, 1100, 1030),
    ],
)
def test_absorptions_lie_where_they_are_published(name: str, low: int, high: int, deepest: int) -> None:
    places = FINE[(low <= FINE) & (high >= FINE)]
    depths = absorption_depths(MATERIALS[name].reflectance(places)[None], places.tolist())[0]
    assert places[depths.argmax()] == pytest.approx(deepest, abs=12)


def test_kaolinite_has_a_doublet_and_muscovite_none() -> None:
    places = np.arange(2140.0, 2230.0)
    kaolinite, muscovite = (MATERIALS[name].reflectance(places) for name in ("kaolinite", "muscovite"))
    minima = [int((np.diff(np.sign(np.diff(curve))) > 0).sum()) for curve in (kaolinite, muscovite)]
    assert minima == [2, 1]


@pytest.mark.parametrize("name", ["alunite", "kaolinite"])
def test_clays_and_sulfates_absorb_at_two_micrometres(name: str) -> None:
    swir1, swir2 = material_spectra(OLI, [name])[0, 4:]
    assert swir2 < 0.85 * swir1


@pytest.mark.parametrize("name", ["jarosite", "hematite", "goethite"])
def test_iron_absorbs_in_the_blue_and_the_near_infrared(name: str) -> None:
    blue, _, _, infrared, swir1, _ = material_spectra(OLI, [name])[0]
    assert blue < infrared < 0.7 * swir1


# Bands


def test_bands_are_as_wide_as_those_of_their_sensor() -> None:
    assert band_widths(OLI).tolist() == [60, 57, 37, 28, 85, 187]
    assert band_widths([2209.0, 556.0]).tolist() == [40, 80]
    assert band_widths([832.8, 864.7, 2185.7]).tolist() == [106, 21, 180]


def test_narrow_bands_are_as_wide_as_they_are_far_from_the_next() -> None:
    assert band_widths([1000.0, 1010.0, 1019.0, 1200.0]).tolist() == [10, 9, 9, 80]
    assert band_widths([1019.0, 1200.0, 1000.0, 1010.0]).tolist() == [9, 80, 10, 9]


def test_a_band_sees_the_weighted_mean_of_the_curve() -> None:
    sigma = 187 / 2.3548
    weights = np.exp(-0.5 * ((FINE - 2201) / sigma) ** 2)
    expected = np.average(MATERIALS["kaolinite"].reflectance(FINE), weights=weights)
    assert material_spectra(OLI, ["kaolinite"])[0, -1] == pytest.approx(expected, abs=1e-5)


def test_bands_of_a_spectrometer_see_the_curve_nearly_as_it_is() -> None:
    curves = np.stack([material.reflectance(np.array(AVIRIS)) for material in MATERIALS.values()])
    difference = np.abs(material_spectra(AVIRIS) - curves)
    assert difference.mean() < 0.002
    assert difference.max() < 0.05


def test_unknown_materials_and_bands_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a material must be one of alunite.*, got 'gold'"):
        material_spectra(OLI, ["gold"])
    with pytest.raises(ValueError, match="known from 400 to 2500 nm; leave out the band at 10900 nm"):
        material_spectra([482, 10_900], ["alunite"])


# The continuum


def test_the_depth_of_an_absorption_in_a_straight_continuum() -> None:
    places = np.linspace(2100, 2300, 21)
    depth = 0.3 * np.exp(-(((places - 2200) / 20) ** 2))
    continuum = np.linspace(0.4, 0.6, 21)
    np.testing.assert_allclose(absorption_depths((continuum * (1 - depth))[None], places.tolist())[0], depth, atol=1e-3)


def test_a_concave_spectrum_has_no_absorption() -> None:
    places = np.linspace(400, 2500, 30)
    concave = 0.5 - ((places - 1200) / 3000) ** 2
    np.testing.assert_allclose(absorption_depths(concave[None], places.tolist()), 0, atol=1e-12)


SPECTRA = arrays(np.float64, (2, 12), elements=st.floats(0.01, 1))


@given(SPECTRA, st.floats(0.1, 1), st.permutations(range(12)))
def test_depths_follow_neither_the_light_nor_the_order(x: NDArray[np.float64], light: float, order: list[int]) -> None:
    places = np.linspace(400, 2500, 12)
    depths = absorption_depths(x, places.tolist())
    assert depths.min() >= -1e-12
    assert depths.max() < 1
    np.testing.assert_allclose(depths[:, [0, -1]], 0, atol=1e-12)
    np.testing.assert_allclose(absorption_depths(light * x, places.tolist()), depths, atol=1e-9)
    np.testing.assert_allclose(absorption_depths(x[:, order], places[order].tolist()), depths[:, order], atol=1e-9)


def test_noise_below_zero_has_a_depth() -> None:
    depths = absorption_depths(np.array([[0.5, -0.01, 0.5]]), [1.0, 2.0, 3.0])
    np.testing.assert_allclose(depths, [[0, 0.998, 0]])
