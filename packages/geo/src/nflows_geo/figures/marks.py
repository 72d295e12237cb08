"""Places to be looked at, drawn on a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


_INNER = 0.96
"""The part of a side beyond which a number stands on the other side of its mark."""


@dataclass(frozen=True)
class Marks:
    """Places on a picture, each a circle; the first have their number beside it.

    Arguments:
        x: Eastings or longitudes in units of the coordinate reference system, (N,).
        y: Northings or latitudes, (N,).
        numbered: How many have their number.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    numbered: int

    def draw(self, axes: Axes) -> None:
        """White with a dark edge, to be seen on any picture."""
        from matplotlib.patheffects import withStroke

        edge = [withStroke(linewidth=2.2, foreground="black")]
        axes.scatter(self.x, self.y, s=28, facecolors="none", edgecolors="white", linewidths=1, path_effects=edge)
        numbered = zip(self.x[: self.numbered], self.y[: self.numbered], strict=True)
        for number, place in enumerate(numbered, start=1):
            across, up = axes.transAxes.inverted().transform(axes.transData.transform(place))
            # At the right and upper edge a number would lie outside of the picture.
            left, below = across > _INNER, up > _INNER
            axes.annotate(
                str(number), place, (-4 if left else 4, -4 if below else 4), textcoords="offset points", fontsize=8,
                ha="right" if left else "left", va="top" if below else "bottom", color="white", path_effects=edge,
            )  # fmt: skip
