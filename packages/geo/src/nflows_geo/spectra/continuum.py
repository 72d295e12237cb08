r"""Absorptions apart from the shape of the rest of a spectrum."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_LEAST = 1e-3
"""A reflectance that noise takes to zero or below counts as this much, since it is divided by."""


def absorption_depths(spectra: NDArray[np.float64], wavelengths: Sequence[float]) -> NDArray[np.float64]:
    r"""How far each band lies below the continuum, :math:`1 - \rho / c`, where c is the upper convex hull.

    Arguments:
        spectra: Reflectances, :math:`(N, C)`; what is below 0.001 counts as that.
        wavelengths: The bands' centres, all different, in any order.

    Returns:
        :math:`(N, C)`, from 0 to 1.

    Source: Clark and Roush, Reflectance spectroscopy, J. Geophys. Res. 89 (1984).

    Example:
        >>> absorption_depths(np.array([[0.4, 0.3, 0.6]]), [2100.0, 2200.0, 2300.0])
        array([[0. , 0.4, 0. ]])
    """
    order = np.argsort(wavelengths)
    places = np.asarray(wavelengths, np.float64)[order]
    sorted_spectra = spectra[:, order].clip(min=_LEAST)
    depths = np.empty_like(sorted_spectra)
    for row, spectrum in enumerate(sorted_spectra):
        hull = _upper_hull(places, spectrum)
        depths[row] = 1 - spectrum / np.interp(places, places[hull], spectrum[hull])
    back: NDArray[np.float64] = depths[:, np.argsort(order)]
    return back


def _upper_hull(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[int]:
    """The corners of the upper convex hull of points in order of x (Andrew 1979)."""
    points = list(zip(x.tolist(), y.tolist(), strict=True))
    corners: list[int] = []
    for index, point in enumerate(points):
        while len(corners) > 1 and not _bends_down(points[corners[-2]], points[corners[-1]], point):
            corners.pop()
        corners.append(index)
    return corners


def _bends_down(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    return (middle[1] - first[1]) * (last[0] - first[0]) > (last[1] - first[1]) * (middle[0] - first[0])
