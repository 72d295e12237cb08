"""Coordinates at the edge of a picture, in few round numbers however small it is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nflows_geo.figures.frame import Frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 2.8
"""Centimetres of the edge that a coordinate takes."""
_CORNER = 0.5
"""Centimetres from a corner of the edge that have no coordinate."""
_STEPS = (5.0, 2.0, 1.0, 0.5, 0.2, 0.1, 0.05)
_DEGREES = (90.0, 60.0, 30.0, 15.0, 10.0)
"""Round steps of degrees, beyond those below ten."""
_WORDS = {
    "metre": ("easting, m", "northing, m"),
    "degree": ("longitude", "latitude"),
    "pixel": ("column, pixels", "row, pixels"),
}


def label_edges(axes: Axes, frame: Frame, width: float, height: float) -> None:
    """Writes coordinates to the left of a picture and below it, and lines at them over it.

    Arguments:
        axes: The picture.
        frame: The ground.
        width: The width of the picture on paper, in centimetres.
        height: Its height.
    """
    left, right, bottom, top = frame.extent
    axes.tick_params(labelsize=7, direction="out", length=3, width=0.6)
    for name, low, high, room in (("x", left, right, width), ("y", bottom, top, height)):
        # At the corners the coordinates of both edges would run into each other.
        corner = min(_CORNER / room, 0.1) * (high - low)
        most = max(1, int(room / _ROOM))
        places = round_places(low + corner, high - corner, most, degrees=frame.unit == "degree")
        texts = [_text(place, name, frame.unit) for place in places]
        getattr(axes, f"set_{name}ticks")(places, texts)
    axes.tick_params(axis="y", labelrotation=90)
    for label in axes.get_yticklabels():
        label.set_verticalalignment("center")
    axes.grid(color="white", linewidth=0.4, alpha=0.6)
    words = _WORDS.get(frame.unit, (f"easting, {frame.unit}", f"northing, {frame.unit}"))
    axes.set_xlabel(words[0], fontsize=7)
    axes.set_ylabel(words[1], fontsize=7)


def round_places(low: float, high: float, most: int, *, degrees: bool = False) -> list[float]:
    """At most so many round numbers between two, at least one, the same distance apart.

    Arguments:
        low: The lower number.
        high: The higher one.
        most: How many at most.
        degrees: Whether full circles are divided as a compass is.

    Example:
        >>> round_places(313725, 321435, 4), round_places(301500, 301590, 1)
        ([314000.0, 316000.0, 318000.0, 320000.0], [301550.0])
    """
    power = 10.0 ** math.floor(math.log10(high - low))
    steps = [factor * power for factor in _STEPS]
    places: list[float] = []
    for step in [*_DEGREES, *(step for step in steps if step < 10)] if degrees else steps:
        finer = _multiples(step, low, high)
        if len(finer) > most:
            return places or [finer[len(finer) // 2]]
        places = finer
    return places


def _multiples(step: float, low: float, high: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{index * step:.15g}") for index in range(first, last + 1)]


def _text(place: float, axis: str, unit: str) -> str:
    if unit == "pixel":
        return f"{abs(place):.10g}"
    if unit != "degree":
        return f"{place:.10g}"
    # Beyond the antimeridian a raster goes on counting, and a map does not.
    angle = (place + 180) % 360 - 180 if axis == "x" else place
    sides = "EW" if axis == "x" else "NS"
    side = "" if angle in (0, -180) else f" {sides[angle < 0]}"
    return f"{abs(angle):.10g}°{side}"
