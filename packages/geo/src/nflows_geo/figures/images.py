"""Scenes and maps as arrays of colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.figures.colours import Colour, unit_colour

_STRETCH = (1.0, 99.0)
"""Percentiles that become black and white."""
_RELIEF = 0.35
"""How much brighter than the darkest ground the brightest one is, on a map, where the colour of the unit allows it."""


_MOST_COLOURS, _FEWEST_STEPS = 255, 16
"""Colours on a map, and steps of the relief on one of many units."""


def false_colour(bands: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Three bands as red, green and blue, each stretched from its first to its 99th percentile.

    Arguments:
        bands: (3, H, W), NaN where nothing is known; there the picture is white.

    Returns:
        (H, W, 3).
    """
    valid = np.isfinite(bands).all(axis=0)
    picture = np.full((*valid.shape, 3), 255, np.uint8)
    if not valid.any():
        return picture
    for channel, band in enumerate(bands):
        low, high = np.percentile(band[valid], _STRETCH)
        scaled = (band[valid] - low) / max(high - low, np.finfo(np.float32).tiny)
        picture[valid, channel] = (scaled.clip(0, 1) * 255).round()
    return picture


def shaded_map(
    units: NDArray[np.uint8], brightness: NDArray[np.float32], colour: Callable[[int], Colour] = unit_colour
) -> NDArray[np.uint8]:
    """The units in their colours, with the relief of the scene shining through as on a printed map.

    Ground as bright as the median of its unit has the unit's colour, and all ground its hue: a colour that is nearly
    as bright as can be becomes less brighter than darker.

    Arguments:
        units: (H, W), 0 where nothing is known.
        brightness: (H, W), NaN where nothing is known.
        colour: The colour of a unit.

    Returns:
        (H, W, 3).
    """
    colours = np.full((256, 3), 255.0)
    for unit in np.unique(units[units > 0]):
        colours[unit] = colour(int(unit))
    valid = (units > 0) & np.isfinite(brightness)
    shade = np.ones(units.shape)
    low, high = np.percentile(brightness[valid], _STRETCH) if valid.any() else (0, 1)
    relief = ((brightness[valid] - low) / max(high - low, np.finfo(np.float32).tiny)).clip(0, 1)
    # So few colours that files of pixels name them by one byte each, and too many to be told apart.
    steps = max(_FEWEST_STEPS, _MOST_COLOURS // max(1, len(np.unique(units[valid]))) - 1)
    relief = (relief * steps).round() / steps
    for unit in np.unique(units[valid]):
        shade[valid & (units == unit)] = _shade(relief[units[valid] == unit], colours[unit])
    return (colours[units] * shade[..., None]).round().astype(np.uint8)


def _shade(relief: NDArray[np.floating[Any]], colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a unit's colour is multiplied by, 1 at the median of its relief and never more than the colour allows."""
    above = relief - np.quantile(relief, 0.5, method="lower")
    room = 255 / max(float(colour.max()), 1.0) - 1
    brighter = min(_RELIEF, room / max(float(above.max()), float(np.finfo(np.float32).tiny)))
    return np.asarray(1 + np.where(above > 0, brighter, _RELIEF) * above)
