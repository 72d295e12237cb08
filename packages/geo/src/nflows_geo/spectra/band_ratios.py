r"""Ratios and indices of bands in which minerals and plants show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Wavelengths = Sequence[float | None]
"""The centre of each band in nanometres, where it is known."""


@dataclass(frozen=True)
class Ratio:
    """A ratio of two bands in which a group of minerals shows.

    Arguments:
        name: What a high ratio tells of.
        numerator: The wavelength above the line, in nanometres.
        denominator: The wavelength below it, in nanometres.
    """

    name: str
    numerator: float
    denominator: float


RATIOS = (
    Ratio("ferric_iron_red_over_blue", 655, 482),
    Ratio("ferrous_iron_swir_over_nir", 1609, 865),
    Ratio("hydroxyl_and_carbonate_1600_over_2200", 1609, 2201),
    Ratio("vegetation_nir_over_red", 865, 655),
)
"""The ratios of the field (Sabins 1999), by the wavelengths of Landsat 8."""

VEGETATION = 0.2
"""The NDVI above which a spectrum is taken for vegetation: rock and sand lie below 0.1, shrubs and grass from 0.2 up
(USGS, NDVI, the Foundation for Remote Sensing Phenology)."""

_NEAR = 0.06
"""How far a band's centre may be from a ratio's wavelength, relative to that."""
_RED, _NEAR_INFRARED = (620.0, 690.0), (770.0, 900.0)
"""Where the centres of the bands of the NDVI lie, in nanometres."""

_BRIGHTEST = 2.0
"""The reflectance above which no scene's median is."""


def are_reflectances(spectra: NDArray[np.floating[Any]]) -> bool:
    """Whether values can be reflectances from 0 to 1: their median lies above zero and not above two."""
    return 0 < float(np.median(spectra)) <= _BRIGHTEST


def band_ratios(spectra: NDArray[np.float64], wavelengths: Wavelengths) -> dict[str, NDArray[np.float64]]:
    """The ratios that the bands allow.

    Arguments:
        spectra: :math:`(N, C)`.
        wavelengths: The bands' centres; a band without one is in no ratio.

    Returns:
        :math:`(N,)` by the name of the ratio.

    Example:
        >>> band_ratios(np.array([[0.1, 0.3]]), [482, 655])
        {'ferric_iron_red_over_blue': array([3.])}
    """
    ratios = {}
    for ratio in RATIOS:
        above, below = _nearest(wavelengths, ratio.numerator), _nearest(wavelengths, ratio.denominator)
        if above is not None and below is not None:
            ratios[ratio.name] = spectra[:, above] / spectra[:, below]
    return ratios


def ndvi(spectra: NDArray[np.float64], wavelengths: Wavelengths) -> NDArray[np.float64] | None:
    r"""The normalized difference vegetation index (Rouse et al. 1974), near infrared :math:`n` and red :math:`r`.

    .. math:: \frac{n - r}{n + r}

    Arguments:
        spectra: :math:`(N, C)`.
        wavelengths: The bands' centres; a band without one is neither red nor infrared.

    Returns:
        :math:`(N,)`, NaN where both are zero; or nothing, if there is no such band.
    """
    red, infrared = _last_within(wavelengths, *_RED), _last_within(wavelengths, *_NEAR_INFRARED)
    if red is None or infrared is None:
        return None
    total = spectra[:, infrared] + spectra[:, red]
    return np.asarray((spectra[:, infrared] - spectra[:, red]) / np.where(total == 0, np.nan, total))


def _nearest(wavelengths: Wavelengths, wanted: float) -> int | None:
    distances = {i: abs(centre - wanted) for i, centre in enumerate(wavelengths) if centre is not None}
    best = min(distances, key=distances.__getitem__, default=None)
    return best if best is not None and distances[best] <= _NEAR * wanted else None


def _last_within(wavelengths: Wavelengths, low: float, high: float) -> int | None:
    """The last band with its centre there: Sentinel-2 has its narrow near infrared after the broad one."""
    within = [i for i, centre in enumerate(wavelengths) if centre is not None and low <= centre <= high]
    return within[-1] if within else None
