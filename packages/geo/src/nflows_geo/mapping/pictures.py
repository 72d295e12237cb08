"""The pictures of a map: the page to print, the scene beneath its boundaries, and the signatures of its units."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from nflows_core.runtime.files import atomic_write
from nflows_geo.figures import (
    MOST_LINES,
    Frame,
    LegendUnit,
    PrintedMap,
    Sheet,
    boundaries,
    false_colour,
    printed_map,
    scale_words,
    shaded_map,
    signatures,
)  # fmt: skip
from nflows_geo.mapping.drawn_map import DrawnMap
from nflows_geo.scene.acquisition import acquired

_BOUNDED = "The same, with the boundaries of the units"
PRINTED_FILES = ("map.pdf", "map.svg")
_MEASURES = ((1.0, "km²"), (0.01, "ha"), (1e-6, "m²"))
"""Measures of areas with their size in square kilometres."""


def print_map(drawn: DrawnMap, folder: Path) -> PrintedMap:
    """The page of a map; writes ``map.pdf`` and ``map.svg``."""
    overview = drawn.drawing.overview
    printed = printed_map(
        shaded_map(overview.drawn, overview.picture[3], drawn.names.colour),
        overview.drawn,
        Frame.of(drawn.scene.grid),
        f"Units of {drawn.scene.name}",
        legend(drawn),
        _notes(drawn),
    )
    for name, content in zip(PRINTED_FILES, (printed.pdf, printed.svg), strict=True):
        with atomic_write(folder / name) as file:
            file.write(content)
    return printed


def report_pictures(drawn: DrawnMap, printed: PrintedMap) -> dict[str, bytes]:
    """The pictures of the report, as PNG by caption."""
    overview, name = drawn.drawing.overview, drawn.scene.name
    shown = ", ".join(drawn.bands[index].name for index in overview.view.bands)
    sheet, scene = Sheet.of(drawn.scene.grid), false_colour(overview.picture[:3])
    title, scale = f"{name}, bands {shown}", "" if printed.scale is None else f", {scale_words(printed.scale)}"
    dense = len(boundaries(overview.drawn)) > MOST_LINES
    bounded = "The same; the boundaries of the units are too many to be drawn" if dense else _BOUNDED
    return {
        f"The map, shaded by the brightness of the scene{scale}; {' and '.join(PRINTED_FILES)} hold the page": (
            printed.png
        ),
        f"The scene in false colour: bands {shown} as red, green and blue": sheet.of_scene(scene, title),
        bounded: sheet.of_scene(scene, title, units=overview.drawn),
        "Mean spectrum of every unit, and one standard deviation": _signatures(drawn),
    }


def legend(drawn: DrawnMap) -> list[LegendUnit]:
    """The units that have pixels, with area and share."""
    areas = drawn.sums.areas
    mapped = areas[1:].sum()
    return [
        LegendUnit(
            unit,
            drawn.label(unit),
            drawn.names.colour(unit),
            f"{area_words(areas[unit], drawn.areas.unit)}, {100 * areas[unit] / mapped:.1f} %",
        )
        for unit in drawn.present
    ]


def area_words(area: float, unit: str) -> str:
    """An area in a unit, or small ones in hectares and square metres: with three digits or more.

    Arguments:
        area: The area.
        unit: "km²", or "pixels".

    Example:
        >>> area_words(25610.4, "km²"), area_words(14.374, "km²"), area_words(0.0812, "km²"), area_words(0.0009, "km²")
        ('25,610 km²', '14.4 km²', '8.12 ha', '900 m²')
    """
    if unit != "km²":
        return f"{area:,.0f} {unit}"
    size, word = next(((size, word) for size, word in _MEASURES if area >= size), _MEASURES[-1])
    value = area / size
    decimals = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{decimals}f} {word}"


def _notes(drawn: DrawnMap) -> list[str]:
    frame, recipe = Frame.of(drawn.scene.grid), drawn.recipe
    days = [f"{day:%Y-%m-%d}" for day in acquired(drawn.scene)]
    taken = "" if not days else f"; scene taken on {days[0]}" + (f" to {days[-1]}" if len(days) > 1 else "")
    dates = f"Map made on {drawn.made:%Y-%m-%d}{taken}"
    how = f"Units by spectra alone: {recipe.reduction}, {recipe.clustering}, seed {recipe.seed}"
    marked = "; what has a question mark is a suggestion" if drawn.suggestions else ""
    return [frame.reference, dates, how + marked]


def _signatures(drawn: DrawnMap) -> bytes:
    present = np.array(drawn.present) - 1
    known = [band.wavelength_nm for band in drawn.bands if band.wavelength_nm is not None]
    return signatures(
        drawn.sums.means[present],
        drawn.sums.deviations[present],
        legend(drawn),
        [band.name for band in drawn.bands],
        known if len(known) == len(drawn.bands) else None,
        drawn.scene.quantity,
    )
