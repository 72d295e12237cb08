"""The wavelengths of the bands of a raster, as files say them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rasterio.io import DatasetReader

_NANOMETRES = {
    **dict.fromkeys(("nanometers", "nanometres", "nanometer", "nanometre", "nm"), 1.0),
    **dict.fromkeys(("micrometers", "micrometres", "micrometer", "micrometre"), 1000.0),
    **dict.fromkeys(("microns", "micron", "um", "µm", "μm"), 1000.0),
}
"""Nanometres in a unit, by what files call it."""

_SUNLIT = (300.0, 20_000.0)
"""From the ultraviolet to the thermal infrared, in nanometres: what a sensor on a satellite or aircraft sees."""


def wavelengths_nm(dataset: DatasetReader) -> tuple[list[float | None], str]:
    """The centre of each layer in nm, where the file says it, and what was taken for granted of them, in words.

    Where there is no unit, numbers that can only be nanometres or only micrometres are taken for these.
    """
    told = [_told(dataset, index) for index in range(1, dataset.count + 1)]
    unit = dataset.tags(ns="ENVI").get("wavelength_units", "unknown").strip().lower()
    if any(centre is not None for centre in told) or unit not in ("", "unknown"):
        return told, ""
    numbers = [_positive(dataset.tags(index).get("wavelength", "")) for index in range(1, dataset.count + 1)]
    guessed = _guessed_unit([number for number in numbers if number is not None])
    if guessed is None:
        return told, ""
    factor = _NANOMETRES[guessed]
    centres = [None if number is None else round(number * factor, 3) for number in numbers]
    return centres, f"its wavelengths have no unit and are taken for {guessed}"


def _told(dataset: DatasetReader, index: int) -> float | None:
    """By the band's own wavelength, which GDAL's domain IMAGERY has with fewer digits."""
    tags = dataset.tags(index)
    factor = _NANOMETRES.get(tags.get("wavelength_units", "").strip().lower())
    number = _positive(tags.get("wavelength", ""))
    if factor and number is not None:
        return round(number * factor, 3)
    micrometres = _positive(dataset.tags(index, ns="IMAGERY").get("CENTRAL_WAVELENGTH_UM", ""))
    return None if micrometres is None else round(micrometres * 1000, 3)


def _guessed_unit(numbers: Sequence[float]) -> str | None:
    if not numbers:
        return None
    if _SUNLIT[0] <= min(numbers) and max(numbers) <= _SUNLIT[1]:
        return "nanometres"
    counts = all(number.is_integer() for number in numbers)
    # Whole numbers count bands: ENVI writes those of a file without wavelengths.
    inside = _SUNLIT[0] <= 1000 * min(numbers) and 1000 * max(numbers) <= _SUNLIT[1]
    return "micrometres" if inside and not counts else None


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number > 0 else None
