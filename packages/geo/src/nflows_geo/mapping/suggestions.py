"""What a unit may be, by labels or by its spectrum: suggestions for a person who knows the ground, never names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nflows_geo.spectra import VEGETATION, band_ratios, ndvi

_WORDS = {
    "ferric_iron_red_over_blue": "iron oxide high",
    "ferrous_iron_swir_over_nir": "ferrous iron high",
    "hydroxyl_and_carbonate_1600_over_2200": "hydroxyl or carbonate high",
}
_DEVIATIONS = 1.0
"""How far above the mean of the map a ratio is called high, in standard deviations over its pixels' units."""
_NOTABLE = 0.05
"""And how far at least, relative to that mean: units of nearly the same ratio are not told apart by it."""


def suggested_by_labels(confusion: NDArray[np.int64], labels: Sequence[str], units: Sequence[int]) -> dict[int, str]:
    """The label that most labelled pixels of a unit have, and the share of them that have it.

    Arguments:
        confusion: Pixels of each label and unit, (L, U).
        labels: The name of the label of each row; a number is called a label.
        units: The unit of each column.

    Returns:
        The suggestions by unit, of those that have labelled pixels.

    Example:
        >>> suggested_by_labels(np.array([[62, 0], [38, 9]]), ["granite", "4"], [1, 3])
        {1: 'granite? 62 %', 3: 'label 4? 100 %'}
    """
    suggested = {}
    for unit, pixels in zip(units, confusion.T, strict=True):
        if total := int(pixels.sum()):
            best = int(np.argmax(pixels))
            name = f"label {labels[best]}" if labels[best].isdecimal() else labels[best]
            suggested[int(unit)] = f"{name}? {_percent(int(pixels[best]), total)} %"
    return suggested


def suggested_by_spectra(
    means: NDArray[np.float64], pixels: NDArray[np.int64], wavelengths: Sequence[float | None]
) -> dict[int, str]:
    """What is unusual in the spectrum of a unit: ratios of bands that are high on this map, or an NDVI of plants.

    Arguments:
        means: The mean spectrum of each unit from 1, (k, bands).
        pixels: How many pixels each has, (k,).
        wavelengths: The centre of each band in nanometres, where it is known.

    Returns:
        The suggestions by unit, of those of which something is unusual.
    """
    found: dict[int, list[str]] = {}
    for name, ratio in band_ratios(means, wavelengths).items():
        if name in _WORDS:
            for unit in np.flatnonzero(_high(ratio, pixels)):
                found.setdefault(int(unit) + 1, []).append(_WORDS[name])
    index = ndvi(means, wavelengths)
    for unit in [] if index is None else np.flatnonzero((pixels > 0) & (index > VEGETATION)):
        found.setdefault(int(unit) + 1, []).append("vegetation")
    return {unit: f"{', '.join(words)}?" for unit, words in sorted(found.items())}


def labelled(name: str, suggestion: str | None) -> str:
    """A name with its suggestion behind it, as legends show them."""
    return name if suggestion is None else f"{name} ({suggestion})"


def _high(ratio: NDArray[np.float64], pixels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which units have a ratio far above the mean over all pixels of the map."""
    known = (pixels > 0) & np.isfinite(ratio) & (ratio > 0)
    high = np.zeros(len(ratio), np.bool_)
    if known.sum() < 2:
        return high
    values, weights = ratio[known], pixels[known]
    mean = np.average(values, weights=weights)
    deviation = np.sqrt(np.average((values - mean) ** 2, weights=weights))
    high[known] = values - mean >= max(_DEVIATIONS * deviation, _NOTABLE * mean)
    return high


def _percent(part: int, total: int) -> int:
    """A share in per cent, which is 100 only of all."""
    return 100 if part == total else min(99, round(100 * part / total))
