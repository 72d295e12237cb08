"""Pictures with coordinates, a scale bar and an arrow to the north."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.foreign_text import visible
from nflows_geo.figures.boundaries import MOST_LINES, boundaries, boundary_patch
from nflows_geo.figures.drawing import drawn_alike, png
from nflows_geo.figures.edges import label_edges
from nflows_geo.figures.frame import Frame
from nflows_geo.figures.margin import LONGEST_BAR, draw_bars, draw_north, paper
from nflows_geo.figures.marks import Marks
from nflows_geo.raster import Grid

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABOVE = "#3ff5dc"
"""What no colour of the bar is like."""
_BOUNDARY = (("#000000", 1.4), ("#ffff00", 0.6))
"""The colours and widths in points that make one line, which is seen on light ground and on dark."""
_LONGEST = 21.0
"""Centimetres of the longer side of a picture."""
_LETTER, _MOST_TITLE = 0.24, 4
"""The mean width of a letter of the title in centimetres, and the most lines of it."""
_EDGE, _MARGIN = 1.2, 2.2
"""Room for the coordinates and, below them, for bars and arrow, in centimetres."""


@dataclass(frozen=True)
class Sheet:
    """Draws pictures of the same ground.

    Arguments:
        frame: The ground.
    """

    frame: Frame

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """The sheet of all of a grid."""
        return cls(Frame.of(grid))

    def of_scene(
        self,
        picture: NDArray[np.uint8],
        title: str,
        marks: Marks | None = None,
        units: NDArray[np.uint8] | None = None,
    ) -> bytes:
        """A picture as a PNG file.

        Arguments:
            picture: (H, W, 3).
            title: The words above it.
            marks: What is to be looked at.
            units: The map of the same pixels, (H, W), whose boundaries are drawn over it.
        """
        with drawn_alike():
            figure, axes = self._drawn(picture, title)
            if marks is not None:
                marks.draw(axes)
            if units is not None and len(lines := boundaries(units)) <= MOST_LINES:
                for colour, width in _BOUNDARY:
                    axes.add_patch(boundary_patch(lines, units.shape, self.frame.extent, colour, width))
            return png(figure)

    def of_scores(
        self, scores: NDArray[np.float32], title: str, label: str, span: tuple[float, float], marks: Marks
    ) -> bytes:
        """Scores in the colours of a bar beside them, and in another what is above their span, as a PNG file.

        Arguments:
            scores: (H, W), NaN where nothing is known.
            title: The words above the picture.
            label: What a score is.
            span: The scores of the first and the last colour.
            marks: What is to be looked at.
        """
        from matplotlib import colormaps
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        with drawn_alike():
            colours = ScalarMappable(Normalize(*span), colormaps["magma"].with_extremes(over=_ABOVE, bad="white"))
            picture: NDArray[np.uint8] = colours.to_rgba(np.ma.masked_invalid(scores), bytes=True)[..., :3]
            figure, axes = self._drawn(picture, title)
            bar = figure.colorbar(colours, cax=self._beside(figure, axes), extend="max")
            bar.set_label(label, fontsize=9)
            marks.draw(axes)
            return png(figure)

    @staticmethod
    def _beside(figure: Figure, axes: Axes) -> Axes:
        """Room for a bar of colours, which is as wide beside a narrow picture as beside a wide one."""
        place, across = axes.get_position(), figure.get_size_inches()[0] * 2.54
        return figure.add_axes(
            (place.x1 + 0.5 / across, place.y0 + 0.4 * place.height, 0.6 / across, 0.55 * place.height)
        )

    def _drawn(self, picture: NDArray[np.uint8], title: str) -> tuple[Figure, Axes]:
        from matplotlib.figure import Figure

        across, up = self.frame.size
        width, height = (_LONGEST * side / max(across, up) for side in (across, up))
        below = _EDGE + _MARGIN
        figure = Figure(figsize=(max(width, 2 * LONGEST_BAR) / 2.54, (height + below) / 2.54))
        total_width, total_height = figure.get_size_inches() * 2.54
        axes = figure.add_axes((0, below / total_height, width / total_width, height / total_height))
        axes.imshow(picture, extent=self.frame.extent, interpolation="nearest", aspect="auto")
        # A longer line would widen the paper, on which the picture then is small.
        letters = int(total_width / _LETTER)
        lines = textwrap.wrap(visible(title), letters, max_lines=_MOST_TITLE, placeholder="…")
        axes.set_title("\n".join(lines), loc="left")
        label_edges(axes, self.frame, width, height)
        margin = paper(figure, 0, 0, total_width, _MARGIN)
        draw_bars(margin, self.frame, width, _MARGIN - 0.9)
        draw_north(margin, self.frame, LONGEST_BAR + 1.4, _MARGIN / 2)
        return figure, axes
