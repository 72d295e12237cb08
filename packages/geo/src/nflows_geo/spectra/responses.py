r"""What a sensor's bands see of a spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.spectra.materials import MATERIALS, RANGE, Material

_WIDTHS: tuple[tuple[tuple[float, float], ...], ...] = (
    # Landsat 8 and 9, OLI: Barsi et al., Remote Sens. 6 (2014).
    ((443, 16), (482, 60), (561, 57), (655, 37), (865, 28), (1609, 85), (2201, 187)),
    # Sentinel-2, MSI: ESA, Sentinel-2 Spectral Response Functions (COPE-GSEG-EOPG-TN-15-0007).
    ((492, 66), (560, 36), (665, 31), (704, 15), (740, 15), (783, 20), (833, 106), (865, 21), (1612, 92), (2194, 180)),
    # ASTER: Users Handbook, version 2, table 1.
    ((556, 80), (661, 60), (807, 100), (1656, 100), (2167, 40), (2209, 40), (2262, 50), (2336, 70), (2400, 70)),
    # Landsat 4 to 7, TM and ETM+: Markham and Barker, Photogramm. Eng. Remote Sens. 51 (1985).
    ((485, 70), (560, 80), (660, 60), (835, 130), (1650, 200), (2215, 270)),
)
"""Centre and full width at half maximum of the bands of sensors with few and broad ones, in nanometres."""
_SAME = 11.0
"""How far a centre may be from that of a sensor: products of one differ, as Sentinel-2A and B do at 2.2 micrometres."""
_BROADEST = 80.0
"""The width of a band of an unknown sensor that has few, in nanometres."""

_STEP = 1.0
_FINE = np.arange(RANGE[0], RANGE[1] + _STEP, _STEP)
_SIGMA = 1 / np.sqrt(8 * np.log(2))
"""The standard deviation of a Gaussian by its full width at half maximum."""


def band_widths(wavelengths: Sequence[float]) -> NDArray[np.float64]:
    """The full widths at half maximum of bands with these centres, in nanometres, (C,).

    They are those of Landsat, Sentinel-2 or ASTER, if one of them has all of these bands. Else a band is as wide as it
    is far from the nearer of its neighbours, 80 nm at most: the bands of an imaging spectrometer are about as wide as
    their distance.

    Example:
        >>> band_widths([482.0, 655.0, 865.0])
        array([60., 37., 28.])
    """
    centres = np.asarray(wavelengths, np.float64)
    distances = [np.abs(centres[:, None] - np.array(sensor, np.float64)[:, 0]) for sensor in _WIDTHS]
    nearest = min(range(len(_WIDTHS)), key=lambda index: float(distances[index].min(1).max()))
    if (distances[nearest].min(1) <= _SAME).all():
        return np.asarray(np.array(_WIDTHS[nearest], np.float64)[distances[nearest].argmin(1), 1])
    order = np.argsort(centres)
    gaps = np.diff(centres[order], prepend=-np.inf, append=np.inf)
    found = np.empty(len(centres))
    found[order] = np.minimum(gaps[:-1], gaps[1:])
    return found.clip(_STEP, _BROADEST)


def material_spectra(wavelengths: Sequence[float], names: Sequence[str] = tuple(MATERIALS)) -> NDArray[np.float64]:
    r"""Reflectances of the materials of `MATERIALS` in bands, :math:`(M, C)`; see `seen`.

    Raises:
        ValueError: A material is unknown, or a band lies where none is known.
    """
    if unknown := [name for name in names if name not in MATERIALS]:
        raise ValueError(f"a material must be one of {', '.join(MATERIALS)}, got {unknown[0]!r}")
    return seen([MATERIALS[name] for name in names], wavelengths)


def seen(materials: Sequence[Material], wavelengths: Sequence[float]) -> NDArray[np.float64]:
    r"""Reflectances as bands see them, through Gaussian responses as wide as `band_widths`.

    Arguments:
        materials: M of them.
        wavelengths: The bands' centres in nanometres, within `RANGE`.

    Returns:
        :math:`(M, C)`.

    Raises:
        ValueError: A band lies where the reflectances are not known.
    """
    if outside := [f"{centre:g}" for centre in wavelengths if not is_known(centre)]:
        raise ValueError(
            f"materials are known from {RANGE[0]:g} to {RANGE[1]:g} nm; leave out the band at {', '.join(outside)} nm"
        )
    return np.asarray(np.stack([material.reflectance(_FINE) for material in materials]) @ _responses(wavelengths))


def is_known(wavelength: float | None) -> bool:
    """Whether the reflectance of materials is known in a band with this centre in nanometres."""
    return wavelength is not None and RANGE[0] <= wavelength <= RANGE[1]


def _responses(wavelengths: Sequence[float]) -> NDArray[np.floating[Any]]:
    """The weight of each fine wavelength in each band, whose sum is one, (fine, C)."""
    sigmas = _SIGMA * band_widths(wavelengths)
    weights = np.exp(-0.5 * ((_FINE[:, None] - np.asarray(wavelengths)) / sigmas) ** 2)
    return np.asarray(weights / weights.sum(0))
