"""Pictures with coordinates, a scale bar and an arrow to the north, as one would print them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.figures.drawing import BESIDE, png, rgb
from nflows_geo.figures.marks import Marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ABOVE = "#3ff5dc"
"""What no colour of the bar is like."""


@dataclass(frozen=True)
class Sheet:
    """Where pictures lie that are drawn with coordinates, a scale bar and an arrow to the north.

    Arguments:
        extent: Left, right, bottom and top, in units of the coordinate reference system.
        unit: The unit of these: "metre", "degree", or another, which has no scale bar.
    """

    extent: tuple[float, float, float, float]
    unit: str

    def of_scene(self, picture: NDArray[np.uint8], title: str, marks: Marks | None = None) -> bytes:
        """A picture, (H, W, 3), as a PNG file."""
        figure, axes = self._drawn(picture, title)
        if marks is not None:
            marks.draw(axes)
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

        colours = ScalarMappable(Normalize(*span), colormaps["magma"].with_extremes(over=_ABOVE, bad="white"))
        picture: NDArray[np.uint8] = colours.to_rgba(np.ma.masked_invalid(scores), bytes=True)[..., :3]
        figure, axes = self._drawn(picture, title)
        bar = figure.colorbar(colours, cax=axes.inset_axes((1.02, 0.4, 0.03, 0.55)), extend="max")
        bar.set_label(label, fontsize=9)
        marks.draw(axes)
        return png(figure)

    def of_map(self, picture: NDArray[np.uint8], title: str, legend: Sequence[tuple[int, str]]) -> bytes:
        """A map as one would print it, as a PNG file.

        Arguments:
            picture: (H, W, 3).
            title: Above it.
            legend: The number of each unit and what stands beside its colour.
        """
        from matplotlib.patches import Patch

        figure, axes = self._drawn(picture, title)
        patches = [Patch(facecolor=rgb(unit), edgecolor="#444444", linewidth=0.5, label=text) for unit, text in legend]
        axes.legend(handles=patches, handlelength=2.2, handleheight=1.3, labelspacing=0.7, **BESIDE)
        return png(figure)

    def _drawn(self, picture: NDArray[np.uint8], title: str) -> tuple[Figure, Axes]:
        from matplotlib.figure import Figure

        left, right, bottom, top = self.extent
        ratio = (top - bottom) / (right - left)
        width = min(9.0, 9.0 / ratio)
        figure = Figure(figsize=(width + 1, width * ratio + 0.8))
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        # A degree of longitude is shorter than one of latitude.
        aspect = 1 / math.cos(math.radians((bottom + top) / 2)) if self.unit == "degree" else 1
        axes.imshow(picture, extent=self.extent, interpolation="nearest", aspect=aspect)
        axes.set_title(title, loc="left")
        self._label(axes)
        if self.unit == "metre":
            _draw_scale_bar(axes, right - left)
        _draw_north(axes)
        return figure, axes

    def _label(self, axes: Axes) -> None:
        axes.tick_params(labelsize=8, direction="out", length=3)
        axes.tick_params(axis="y", labelrotation=90)
        axes.locator_params(nbins=5)
        axes.ticklabel_format(style="plain", useOffset=False)
        axes.grid(color="white", linewidth=0.4, alpha=0.6)
        axes.set_xlabel({"metre": "easting, m", "degree": "longitude, °"}.get(self.unit, self.unit), fontsize=8)
        axes.set_ylabel({"metre": "northing, m", "degree": "latitude, °"}.get(self.unit, self.unit), fontsize=8)


def _draw_scale_bar(axes: Axes, width: float) -> None:
    """A bar of a round length, at most a quarter of the map's width, beside it."""
    length = _round_length(width / 4)
    share = length / width
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    placement: dict[str, Any] = {"transform": axes.transAxes, "clip_on": False, "color": "black"}
    axes.plot([1.02, 1.02 + share], [0.02, 0.02], linewidth=3, solid_capstyle="butt", **placement)
    axes.text(1.02 + share / 2, 0.03, text, ha="center", va="bottom", fontsize=9, **placement)


def _round_length(length: float) -> float:
    """The largest of 1, 2 and 5 times a power of ten that is not above the length."""
    power = 10 ** math.floor(math.log10(length))
    return float(power * max(step for step in (1, 2, 5) if step * power <= length))


def _draw_north(axes: Axes) -> None:
    axes.annotate(
        "N",
        xy=(1.05, 0.1),
        xytext=(1.05, 0.2),
        xycoords="axes fraction",
        ha="center",
        va="center",
        fontsize=10,
        arrowprops={"arrowstyle": "<|-", "color": "black", "linewidth": 1.2},
        annotation_clip=False,
    )
