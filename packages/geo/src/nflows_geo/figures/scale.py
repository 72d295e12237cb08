"""How large a map is on paper: the scale as 1:N, and bars of round lengths."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from nflows_geo.figures.frame import Frame

_FOOT = 0.3048
_FEET_PER_MILE = 5280
_METRES_PER_CENTIMETRE = 0.01
_ROUND = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.5, 8.0, 10.0)
"""The scales that maps have, up to a power of ten."""


@dataclass(frozen=True)
class Bar:
    """A bar of a round length.

    Arguments:
        centimetres: How long it is on paper.
        text: How long it is on the ground.
    """

    centimetres: float
    text: str


def round_scale(metres: float, centimetres: float) -> float:
    """The largest scale 1:N of a round N at which so many metres have room on so many centimetres of paper.

    Example:
        >>> round_scale(7710, 17.1)
        50000.0
    """
    least = metres / (centimetres * _METRES_PER_CENTIMETRE)
    power = 10.0 ** math.floor(math.log10(least))
    return power * next(factor for factor in _ROUND if factor * power >= least * (1 - 1e-9))


def round_length(length: float) -> float:
    """The largest of 1, 2, 3, 4 and 5 times a power of ten that is not above the length.

    Example:
        >>> round_length(4999), round_length(0.25)
        (4000.0, 0.2)
    """
    power = 10.0 ** math.floor(math.log10(length))
    return next(step * power for step in (5, 4, 3, 2, 1) if step * power <= length * (1 + 1e-9))


def bars(frame: Frame, centimetres: float, longest: float) -> Iterator[Bar]:
    """The bars of a map: in the measures of its coordinates, and kilometres where these are degrees.

    Arguments:
        frame: The ground.
        centimetres: The width of the map on paper.
        longest: The length of a bar at most, in centimetres.
    """
    if frame.metres is None:
        yield _bar(longest, centimetres / frame.columns, " pixels")
        return
    per_metre = centimetres / frame.size[0]
    if frame.is_in_feet:
        feet = longest / (per_metre * _FOOT)
        miles = feet >= _FEET_PER_MILE
        yield _bar(longest, per_metre * _FOOT * (_FEET_PER_MILE if miles else 1), " mi" if miles else " ft")
        return
    far = longest / per_metre >= 1000
    yield _bar(longest, per_metre * (1000 if far else 1), " km" if far else " m")
    if frame.unit == "degree":
        left, right, _, _ = frame.extent
        yield _bar(longest, centimetres / (right - left), "° of longitude")


def _bar(longest: float, centimetres: float, unit: str) -> Bar:
    """The bar of a round number of units that are so many centimetres long each."""
    length = round_length(longest / centimetres)
    return Bar(length * centimetres, f"{length:,.15g}{unit}")
