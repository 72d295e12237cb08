"""A map as one prints it: a page with title, coordinates, legend, scale, north and notes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.foreign_text import visible
from nflows_geo.figures.boundaries import MOST_LINES, boundaries, boundary_patch
from nflows_geo.figures.drawing import drawn_alike, page_pdf, page_png, page_svg, rgb
from nflows_geo.figures.edges import label_edges
from nflows_geo.figures.frame import Frame
from nflows_geo.figures.legend import LegendUnit
from nflows_geo.figures.margin import LONGEST_BAR, draw_bars, draw_north, paper
from nflows_geo.figures.page import PAPER, ROW, TALL_ROW, Box, Page, page_for

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LETTER = {7: 0.135, 8: 0.15, 13: 0.26}
"""The mean width of a letter in centimetres, by the size of the letters in points."""
_BOX_WIDTH, _BOX_HEIGHT = 0.9, 0.5
_NAME_WIDTH, _LINE = 4.8, 0.34
"""Centimetres that a name in the legend has, and from one line of it to the next."""
_CONTACT = "#333333"


@dataclass(frozen=True)
class PrintedMap:
    """A map as files, all of the same page.

    Arguments:
        png: The page as pixels.
        pdf: The page with the map as pixels, and all else as lines and letters.
        svg: The same, with letters as text.
        scale: The N of the scale 1:N of the page; nothing where metres are not known.
    """

    png: bytes
    pdf: bytes
    svg: bytes
    scale: float | None


def printed_map(
    picture: NDArray[np.uint8],
    units: NDArray[np.uint8],
    frame: Frame,
    title: str,
    legend: Sequence[LegendUnit],
    notes: Sequence[str],
) -> PrintedMap:
    """Draws a map on a page; the same map gives the same bytes.

    Arguments:
        picture: The map in colours, (H, W, 3).
        units: The units of the same pixels, (H, W), whose boundaries are drawn, if they are not too many.
        frame: The ground.
        title: The words above the map.
        legend: Its units.
        notes: The lines that follow the scale.
    """
    from matplotlib.figure import Figure

    row = ROW if all(len(_wrapped(unit.name, _NAME_WIDTH, 8)) == 1 for unit in legend) else TALL_ROW
    page = page_for(frame, len(legend), row)
    with drawn_alike():
        figure = Figure(figsize=(page.width / 2.54, page.height / 2.54))
        _draw_title(figure, page, title)
        _draw_map(figure, page, picture, units, frame)
        _draw_legend(figure, page, legend)
        _draw_margin(figure, page, frame, notes)
        return PrintedMap(page_png(figure), page_pdf(figure), page_svg(figure), page.scale)


def scale_words(scale: float) -> str:
    """1:50,000 on A4."""
    return f"1:{scale:,.10g} on {PAPER}"


def _draw_title(figure: Figure, page: Page, title: str) -> None:
    axes = _axes(figure, page.title)
    axes.text(0, page.title.height, _short(title, page.title.width, 13), fontsize=13, weight="bold", va="top")


def _draw_map(figure: Figure, page: Page, picture: NDArray[np.uint8], units: NDArray[np.uint8], frame: Frame) -> None:
    box = page.map
    axes = figure.add_axes(
        (box.left / page.width, box.bottom / page.height, box.width / page.width, box.height / page.height)
    )
    # As they are, so that files hold the pixels of the picture and not those of a screen.
    axes.imshow(picture, extent=frame.extent, interpolation="none", aspect="auto")
    label_edges(axes, frame, box.width, box.height)
    lines = boundaries(units)
    if len(lines) <= MOST_LINES:
        axes.add_patch(boundary_patch(lines, units.shape, frame.extent, _CONTACT, 0.35))


def _draw_legend(figure: Figure, page: Page, legend: Sequence[LegendUnit]) -> None:
    from matplotlib.patches import Rectangle

    axes = _axes(figure, page.legend)
    shown = legend if len(legend) <= page.shown else legend[: page.shown - 1]
    rows = -(-page.shown // page.columns)
    wide = page.legend.width / page.columns
    for index in range(page.shown):
        left, top = index // rows * wide, page.legend.height - index % rows * page.row
        if index >= len(shown):
            axes.text(left, top - 0.2, f"and {len(legend) - len(shown)} smaller units", fontsize=8, va="top")
            break
        unit = shown[index]
        corner = (left, top - 0.06 - _BOX_HEIGHT)
        axes.add_patch(
            Rectangle(corner, _BOX_WIDTH, _BOX_HEIGHT, facecolor=rgb(unit.colour), edgecolor=_CONTACT, linewidth=0.5)
        )
        beside, lines = left + _BOX_WIDTH + 0.2, _wrapped(unit.name, _NAME_WIDTH, 8, lines=2)
        for number, line in enumerate(lines):
            axes.text(beside, top - number * _LINE, line, fontsize=8, va="top")
        note = _short(unit.note, _NAME_WIDTH, 7)
        axes.text(beside, top - 0.02 - len(lines) * _LINE, note, fontsize=7, va="top", color="#555555")


def _draw_margin(figure: Figure, page: Page, frame: Frame, notes: Sequence[str]) -> None:
    axes = _axes(figure, page.bars)
    draw_bars(axes, frame, page.map.width, page.bars.height - 0.7)
    draw_north(axes, frame, min(LONGEST_BAR, page.bars.width - 1.6) + 1.4, page.bars.height / 2 + 0.1)
    lines = [line for note in (*_scale_notes(page, frame), *notes) for line in _wrapped(note, page.notes.width, 7)]
    _axes(figure, page.notes).text(0, page.notes.height, "\n".join(lines), fontsize=7, va="top", linespacing=1.35)


def _scale_notes(page: Page, frame: Frame) -> list[str]:
    """What the bars and the arrow do not say by themselves."""
    if page.scale is None:
        return ["No scale, since the size of a pixel is not known"]
    where = " in the middle of the map" if frame.unit == "degree" else ""
    north = [] if frame.north is not None else ["No arrow, since the north is not known or turns over the map"]
    return [f"Scale {scale_words(page.scale)}{where}", *north]


def _axes(figure: Figure, box: Box) -> Axes:
    return paper(figure, box.left, box.bottom, box.width, box.height)


def _short(text: str, width: float, size: int) -> str:
    """As much of a text as has room on a line."""
    return textwrap.shorten(visible(text), max(4, int(width / _LETTER[size])), placeholder="…")


def _wrapped(text: str, width: float, size: int, lines: int | None = None) -> list[str]:
    """A text in lines, which is cut off after so many."""
    letters = max(4, int(width / _LETTER[size]))
    return textwrap.wrap(visible(text), letters, max_lines=lines, placeholder="…") or [""]
