"""The pictures of a report: false colour, the map as one would print it, the signatures of the units."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nflows_geo.figures.colours import unit_colour
from nflows_geo.figures.marks import Marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DOTS_PER_INCH = 160
_STRETCH = (1.0, 99.0)
_RELIEF = 0.35
_ABOVE = "#3ff5dc"
"""What no colour of the bar is like."""
_BESIDE: dict[str, Any] = {
    "loc": "upper left", "bbox_to_anchor": (1.02, 1.0), "borderaxespad": 0, "frameon": False, "fontsize": 9,
}  # fmt: skip


def false_colour(bands: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Three bands as red, green and blue, each stretched from its first to its 99th percentile.

    Arguments:
        bands: (3, H, W), NaN where nothing is known; there the picture is white.

    Returns:
        (H, W, 3).
    """
    valid = np.isfinite(bands).all(axis=0)
    picture = np.full((*valid.shape, 3), 255, np.uint8)
    for channel, band in enumerate(bands):
        low, high = np.percentile(band[valid], _STRETCH)
        scaled = (band[valid] - low) / max(high - low, np.finfo(np.float32).tiny)
        picture[valid, channel] = (scaled.clip(0, 1) * 255).round()
    return picture


def shaded_map(units: NDArray[np.uint8], brightness: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The units in their colours, with the relief of the scene shining through as on a printed map.

    Arguments:
        units: (H, W), 0 where nothing is known.
        brightness: (H, W), NaN where nothing is known.

    Returns:
        (H, W, 3).
    """
    colours = np.full((256, 3), 255.0)
    for unit in np.unique(units[units > 0]):
        colours[unit] = unit_colour(int(unit))
    valid = (units > 0) & np.isfinite(brightness)
    shade = np.ones(units.shape)
    low, high = np.percentile(brightness[valid], _STRETCH) if valid.any() else (0, 1)
    relief = ((brightness[valid] - low) / max(high - low, np.finfo(np.float32).tiny)).clip(0, 1)
    shade[valid] = 1 + _RELIEF * (relief - np.median(relief))
    return (colours[units] * shade[..., None]).clip(0, 255).round().astype(np.uint8)


@dataclass(frozen=True)
class Sheet:
    """Where pictures lie that are drawn with coordinates, a scale bar and an arrow to the north.

    Arguments:
        extent: Left, right, bottom and top, in units of the coordinate reference system.
        unit: Of these: "metre", "degree", or another, which has no scale bar.
    """

    extent: tuple[float, float, float, float]
    unit: str

    def of_scene(self, picture: NDArray[np.uint8], title: str, marks: Marks | None = None) -> bytes:
        """A picture, (H, W, 3), as a PNG file."""
        figure, axes = self._drawn(picture, title)
        if marks is not None:
            marks.draw(axes)
        return _png(figure)

    def of_scores(
        self, scores: NDArray[np.float32], title: str, label: str, span: tuple[float, float], marks: Marks
    ) -> bytes:
        """Scores in the colours of a bar beside them, and in another what is above their span, as a PNG file.

        Arguments:
            scores: (H, W), NaN where nothing is known.
            title: Above the picture.
            label: What a score is.
            span: Of the colours.
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
        return _png(figure)

    def of_map(self, picture: NDArray[np.uint8], title: str, legend: Sequence[tuple[int, str]]) -> bytes:
        """A map as one would print it, as a PNG file.

        Arguments:
            picture: (H, W, 3).
            title: Above it.
            legend: The number of each unit and what stands beside its colour.
        """
        from matplotlib.patches import Patch

        figure, axes = self._drawn(picture, title)
        patches = [Patch(facecolor=_rgb(unit), edgecolor="#444444", linewidth=0.5, label=text) for unit, text in legend]
        axes.legend(handles=patches, handlelength=2.2, handleheight=1.3, labelspacing=0.7, **_BESIDE)
        return _png(figure)

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


def signatures(
    means: NDArray[np.float64],
    deviations: NDArray[np.float64],
    units: Sequence[int],
    bands: Sequence[str],
    wavelengths: Sequence[float] | None,
    quantity: str,
) -> bytes:
    """The mean spectrum of each unit, with one standard deviation on either side.

    Arguments:
        means: (units, bands).
        deviations: (units, bands).
        units: Their numbers.
        bands: Their names.
        wavelengths: Their centres in nanometres, where they are known.
        quantity: What is measured, as "surface reflectance".

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(bands)) if wavelengths is None else np.asarray(wavelengths)
    order = np.argsort(places)
    for unit, mean, deviation in zip(units, means[:, order], deviations[:, order], strict=True):
        colour = _rgb(unit)
        axes.plot(places[order], mean, "o-", color=colour, linewidth=2, markersize=4, label=f"unit {unit}")
        axes.fill_between(places[order], mean - deviation, mean + deviation, color=colour, alpha=0.1, linewidth=0)
    if wavelengths is None:
        axes.set_xticks(places, bands)
    axes.set_xlabel("band" if wavelengths is None else "wavelength, nm")
    axes.set_ylabel(quantity)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#dddddd", linewidth=0.6)
    axes.legend(**_BESIDE)
    return _png(figure)


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


def _rgb(unit: int) -> tuple[float, float, float]:
    red, green, blue = unit_colour(unit)
    return red / 255, green / 255, blue / 255


def _png(figure: Figure) -> bytes:
    file = io.BytesIO()
    # Without the version of matplotlib in the file, the same picture is the same bytes.
    figure.savefig(file, format="png", dpi=_DOTS_PER_INCH, bbox_inches="tight", metadata={"Software": None})
    return file.getvalue()
