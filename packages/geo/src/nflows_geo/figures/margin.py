"""What stands in the margin of a map: its bars, and an arrow to the north."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nflows_geo.figures.frame import Frame
from nflows_geo.figures.scale import bars

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LONGEST_BAR = 5.0
"""Centimetres."""
_PARTS = 4
_HIGH, _BETWEEN = 0.14, 0.85
"""Centimetres of a bar's height, and from one bar to the next."""


def paper(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """A part of a figure to draw on in centimetres from its lower left corner.

    Arguments:
        figure: The figure.
        left: Where the part begins, in centimetres from the left edge of the figure.
        bottom: The same from the lower edge.
        width: In centimetres.
        height: In centimetres.
    """
    across, up = (inches * 2.54 for inches in figure.get_size_inches())
    axes = figure.add_axes((left / across, bottom / up, width / across, height / up))
    axes.set_xlim(0, width)
    axes.set_ylim(0, height)
    axes.axis("off")
    return axes


def draw_bars(axes: Axes, frame: Frame, centimetres: float, top: float) -> None:
    """The bars of a map that is so many centimetres wide, the first at a height on a paper in centimetres."""
    from matplotlib.patches import Rectangle

    for number, bar in enumerate(bars(frame, centimetres, LONGEST_BAR)):
        low, part = top - number * _BETWEEN, bar.centimetres / _PARTS
        for index in range(_PARTS):
            fill = "black" if index % 2 == 0 else "white"
            axes.add_patch(
                Rectangle(
                    (index * part, low), part, _HIGH, facecolor=fill, edgecolor="black", linewidth=0.6, clip_on=False
                )
            )
        axes.text(0, low + 0.22, "0", fontsize=7, ha="center", va="bottom")
        axes.text(bar.centimetres, low + 0.22, bar.text, fontsize=7, ha="center", va="bottom")


def draw_north(axes: Axes, frame: Frame, x: float, y: float, length: float = 1.1) -> None:
    """An arrow to the north whose middle lies at a place on a paper in centimetres; none where it is not known."""
    if frame.north is None:
        return
    angle = math.radians(frame.north)
    east, north = math.sin(angle) * length / 2, math.cos(angle) * length / 2
    arrow = {"arrowstyle": "-|>", "color": "black", "linewidth": 1.0, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (x + east, y + north), (x - east, y - north), arrowprops=arrow, annotation_clip=False)
    axes.text(x + east * 1.5, y + north * 1.5, "N", fontsize=9, ha="center", va="center", fontweight="bold")
