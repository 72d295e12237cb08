"""The colours of the units: far apart, and the same for a unit in every picture, raster and vector file."""

from __future__ import annotations

Colour = tuple[int, int, int]

_UNITS = (
    "e8c77a", "7a9ecb", "c8685a", "8cb87a", "b08bbd", "e39b4f", "5fa8a0", "d98ba8", "9c7a5b", "c9d36b",
    "4f6d9c", "f2dfa8", "8a3f45", "5c8a4c", "6f5590", "b5652a", "a5d5d8", "f0b9b0", "6b6b5e", "b9b4a8",
)  # fmt: skip
"""Tints as on printed geological maps, by size of the unit; neighbours in the list differ in hue and lightness."""

UNIT_COLOURS = len(_UNITS)
_DARKER = 0.8


def unit_colour(unit: int) -> Colour:
    """The colour of a unit, counted from 1 by size; after twenty they come again, darker.

    Example:
        >>> unit_colour(1)
        (232, 199, 122)
    """
    round_, index = divmod(unit - 1, len(_UNITS))
    red, green, blue = (round(value * _DARKER**round_) for value in bytes.fromhex(_UNITS[index]))
    return red, green, blue


def colour_table(units: int) -> dict[int, Colour]:
    """The colour of each of so many units."""
    return {unit: unit_colour(unit) for unit in range(1, units + 1)}
