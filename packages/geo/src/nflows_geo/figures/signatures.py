"""The signatures of units: their spectra as curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.foreign_text import visible
from nflows_geo.figures.drawing import BESIDE, drawn_alike, png, rgb
from nflows_geo.figures.legend import LegendUnit

_MOST_DOTS = 24
"""Bands that have room for dots."""
_MOST_NAMES, _MOST_LETTERS = 20, 60
"""Names of bands that have room below the curves, and letters of them side by side; longer ones stand upright."""
_MOST_UNITS = 20
"""Units that a legend beside the curves has room for."""
_LONGEST_NAME = 40


def signatures(
    means: NDArray[np.float64],
    deviations: NDArray[np.float64],
    units: Sequence[LegendUnit],
    bands: Sequence[str],
    wavelengths: Sequence[float] | None,
    quantity: str,
) -> bytes:
    """The mean spectrum of each unit, with one standard deviation on either side.

    Arguments:
        means: (units, bands).
        deviations: (units, bands).
        units: The units; those after the twentieth are drawn, and left out of the legend.
        bands: The names of the bands; of more than 20, some are written.
        wavelengths: Their centres in nanometres, where they are known.
        quantity: What is measured, as "surface reflectance".

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    with drawn_alike():
        figure = Figure(figsize=(8, 4.2), layout="constrained")
        axes = figure.subplots()
        places = np.arange(len(bands)) if wavelengths is None else np.asarray(wavelengths)
        order = np.argsort(places, kind="stable")
        style = "o-" if len(bands) <= _MOST_DOTS else "-"
        for unit, mean, deviation in zip(units, means[:, order], deviations[:, order], strict=True):
            colour = rgb(unit.colour)
            axes.plot(places[order], mean, style, color=colour, linewidth=2, markersize=4, label=_shown(unit.name))
            axes.fill_between(places[order], mean - deviation, mean + deviation, color=colour, alpha=0.1, linewidth=0)
        if wavelengths is None:
            step = -(-len(bands) // _MOST_NAMES)
            names = [_shown(name) for name in bands[::step]]
            upright = max(map(len, names)) * len(names) > _MOST_LETTERS
            axes.set_xticks(places[::step], names, rotation=90 if upright else 0)
        axes.set_xlabel("band" if wavelengths is None else "wavelength, nm")
        axes.set_ylabel(visible(quantity))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.legend(handles=axes.get_lines()[:_MOST_UNITS], **BESIDE)
        return png(figure)


def _shown(name: str) -> str:
    name = visible(name)
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
