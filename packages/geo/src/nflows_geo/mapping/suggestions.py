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
_INFRARED = 750.0
"""Nanometres from which water is dark and rock is not."""
_DARK = 0.3
"""The part of the map's mean reflectance there below which a unit is dark; ratios of its bands are those of noise."""


_FEWEST = 10
"""Labelled pixels of a unit that say something about it."""


def suggested_by_labels(confusion: NDArray[np.int64], labels: Sequence[str], units: Sequence[int]) -> dict[int, str]:
    """The label that half of the labelled pixels of a unit have, or more, and the share of them that have it.

    Arguments:
        confusion: Pixels of each label and unit, (L, U).
        labels: The name of the label of each row; a number is called a label.
        units: The unit of each column.

    Returns:
        The suggestions by unit, of those in which a label has a majority.

    Example:
        >>> suggested_by_labels(np.array([[62, 0], [38, 19]]), ["granite", "4"], [1, 3])
        {1: 'granite? 62 %', 3: 'label 4? 100 %'}
    """
    suggested = {}
    for unit, pixels in zip(units, confusion.T, strict=True):
        total, best = int(pixels.sum()), int(np.argmax(pixels))
        if total >= _FEWEST and 2 * pixels[best] >= total:
            name = f"label {labels[best]}" if labels[best].isdecimal() else labels[best]
            suggested[int(unit)] = f"{name}? {_percent(int(pixels[best]), total)} %"
    return suggested


def suggested_by_spectra(
    means: NDArray[np.float64], pixels: NDArray[np.int64], wavelengths: Sequence[float | None]
) -> dict[int, str]:
    """What is unusual in the spectrum of a unit: darkness in the infrared, high ratios of bands, or an NDVI of plants.

    High is what is high on this map: of a map of nothing but iron ore, no unit has a high ratio of iron.

    Arguments:
        means: The mean spectrum of each unit from 1, (k, bands).
        pixels: How many pixels each has, (k,).
        wavelengths: The centre of each band in nanometres, where it is known.

    Returns:
        The suggestions by unit, of those of which something is unusual.
    """
    present = pixels > 0
    dark = _dark(means, pixels, wavelengths)
    traits = {"water or shade": dark}
    for name, ratio in band_ratios(means, wavelengths).items():
        if name in _WORDS:
            traits[_WORDS[name]] = _high(ratio, np.where(dark, 0, pixels))
    index = ndvi(means, wavelengths)
    if index is not None:
        traits["vegetation"] = present & ~dark & (index > VEGETATION)
    words = [[word for word, has in traits.items() if has[unit]] for unit in range(len(pixels))]
    return {unit: f"{', '.join(found)}?" for unit, found in enumerate(words, start=1) if found}


def _dark(
    means: NDArray[np.float64], pixels: NDArray[np.int64], wavelengths: Sequence[float | None]
) -> NDArray[np.bool_]:
    """Which units are far darker in the infrared than the map as a whole."""
    infrared = [index for index, centre in enumerate(wavelengths) if centre is not None and centre >= _INFRARED]
    present = pixels > 0
    if not infrared or not present.any():
        return np.zeros(len(pixels), np.bool_)
    values = means[:, infrared].mean(axis=1)
    return np.asarray(present & (values < _DARK * np.average(values[present], weights=pixels[present])))


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
