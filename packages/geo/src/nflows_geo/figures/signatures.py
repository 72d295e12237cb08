"""The signatures of units: their spectra as curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nflows_geo.figures.drawing import BESIDE, png, rgb


def signatures(
    means: NDArray[np.float64],
    deviations: NDArray[np.float64],
    units: Sequence[int],
    bands: Sequence[str],
    wavelengths: Sequence[float] | None,
    quantity: str,
) -> bytes:
    """The mean spectrum of each unit, with one standard deviation on either side.

    Arguments:
        means: (units, bands).
        deviations: (units, bands).
        units: Their numbers.
        bands: Their names.
        wavelengths: Their centres in nanometres, where they are known.
        quantity: What is measured, as "surface reflectance".

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(bands)) if wavelengths is None else np.asarray(wavelengths)
    order = np.argsort(places)
    for unit, mean, deviation in zip(units, means[:, order], deviations[:, order], strict=True):
        colour = rgb(unit)
        axes.plot(places[order], mean, "o-", color=colour, linewidth=2, markersize=4, label=f"unit {unit}")
        axes.fill_between(places[order], mean - deviation, mean + deviation, color=colour, alpha=0.1, linewidth=0)
    if wavelengths is None:
        axes.set_xticks(places, bands)
    axes.set_xlabel("band" if wavelengths is None else "wavelength, nm")
    axes.set_ylabel(quantity)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.legend(**BESIDE)
    return png(figure)
