"""Whether the numbers of a raster can be computed with in float32, which has 24 binary digits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nflows_geo.scene.bands import WIDE_TYPES, Band

_LARGEST = 1e18
"""The square of a value must be a number too, and so must the sum of the squares of all bands."""
_ROUNDING = 1e-2
"""The most that values may be rounded by, in parts of their spread: some thirty steps from its one end to the other."""
_LEAST = 2.0**-48
"""The least spread, in parts of the values, that is no rounding of float64."""
_WHOLE = 2.0**53
"""Whole numbers from here on are rounded in float64 already."""
_BOUNDS = 2.0**63, 2.0**64
"""Numbers of 64 bits that are the last of their type, and stand for no data."""


def require_precision(bands: Sequence[Band], numbers: NDArray[np.float64]) -> None:
    """Refuses bands whose values float32 does not keep apart, or whose squares it cannot hold.

    Arguments:
        bands: The bands, B.
        numbers: A sample of the numbers as they stand in the files, :math:`(B, N)`, NaN for no data.

    Raises:
        ValueError: There are such bands; it names them, and says what to do.
    """
    merged, largest = [], []
    for band, sample in zip(bands, numbers, strict=True):
        # Each number once, so that a collar has no weight.
        different = np.unique(sample[np.isfinite(sample)])
        if not len(different):
            continue
        if len(different) > 1 and np.quantile(np.abs(_values(band, different)), 0.5, method="lower") >= _LARGEST:
            largest.append(band)
        elif _merges(band, different):
            merged.append(band)
    if largest:
        raise ValueError(
            f"{_named(largest)} of {largest[0].path.name}: values beyond {_LARGEST:g}, whose squares float32 cannot "
            "hold; divide them first, or declare a scale (gdal_translate -a_scale 1e-30)"
        )
    if merged:
        raise ValueError(
            f"{_named(merged)} of {merged[0].path.name}: the values differ by less than float32, in which all is "
            "computed, keeps apart so far from zero; subtract their mean first and write float32 (gdal_calc.py), or "
            "declare an offset (gdal_translate -a_scale 1 -a_offset -MEAN), or leave these bands out (`exclude_bands`)"
        )


def _values(band: Band, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    return numbers * band.scale + band.offset


def _merges(band: Band, numbers: NDArray[np.float64]) -> bool:
    """Whether the values of different numbers are rounded by more than a small part of their spread."""
    if band.dtype not in WIDE_TYPES:
        return False
    if band.dtype in ("int64", "uint64") and (np.abs(numbers[~np.isin(np.abs(numbers), _BOUNDS)]) >= _WHOLE).any():
        return True
    values = _values(band, numbers)
    low, high = np.percentile(values, [5, 95])
    rounding = np.sqrt(np.mean(np.square(values - values.astype(np.float32))))
    return bool(_LEAST * np.abs(values).max() < high - low < rounding / _ROUNDING)


def _named(bands: Sequence[Band]) -> str:
    return f"band{'s' if len(bands) > 1 else ''} {', '.join(band.name for band in bands)}"
