"""The units of a map as a legend has them."""

from __future__ import annotations

from dataclasses import dataclass

from nflows_geo.figures.colours import Colour


@dataclass(frozen=True)
class LegendUnit:
    """A unit in a legend.

    Arguments:
        number: Its number.
        name: What it is called.
        colour: In which colour it is drawn.
        note: What is said about it in smaller letters.
    """

    number: int
    name: str
    colour: Colour
    note: str = ""
