"""How a map and what belongs to it share a page of paper, all in centimetres."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nflows_geo.figures.frame import Frame
from nflows_geo.figures.scale import round_scale

PAPER = "A4"
_SHORT, _LONG = 21.0, 29.7
_MARGIN = 1.4
_TITLE = 1.3
_LEFT_EDGE, _LOWER_EDGE = 0.9, 1.0
"""Room for the coordinates."""
_BARS, _NOTES, _GAP = 2.1, 1.9, 0.4
ROW, TALL_ROW = 0.82, 1.15
"""The height of a unit in the legend, with a name of one line and of two."""
_COLUMN = 6.0
"""The width of a column of the legend."""
_COLUMNS = 3
_HIGHEST_BELOW, _HIGHEST_BESIDE = 11.5, 9.2
"""The height of a legend below the map, in three columns, and beside it, in one."""


@dataclass(frozen=True)
class Box:
    """A part of the page, from its lower left corner."""

    left: float
    bottom: float
    width: float
    height: float

    @property
    def top(self) -> float:
        return self.bottom + self.height


@dataclass(frozen=True)
class Page:
    """Where everything stands on the page.

    Arguments:
        width: The width of the paper.
        height: Its height.
        map: The map itself, without coordinates.
        scale: The N of its scale 1:N; nothing where metres are not known.
        title: The title.
        legend: The legend.
        columns: How many columns it has.
        row: The height of a unit in it.
        shown: How many units it has.
        bars: Bars and arrow.
        notes: The notes.
    """

    width: float
    height: float
    map: Box
    scale: float | None
    title: Box
    legend: Box
    columns: int
    row: float
    shown: int
    bars: Box
    notes: Box


def page_for(frame: Frame, units: int, row: float = ROW) -> Page:
    """The upright page or the one on its side, on which the map is larger; the upright one, if it is the same.

    Arguments:
        frame: The ground.
        units: How many the legend has; those that have no room stand in one last line.
        row: The height of each in the legend.
    """
    upright = _upright(frame, units, row)
    if units * row > _HIGHEST_BESIDE:
        return upright
    on_its_side = _on_its_side(frame, units, row)
    return on_its_side if on_its_side.map.width > upright.map.width * (1 + 1e-9) else upright


def _upright(frame: Frame, units: int, row: float) -> Page:
    shown = min(units, _COLUMNS * int(_HIGHEST_BELOW / row))
    legend_height = math.ceil(shown / _COLUMNS) * row
    below = _MARGIN + _NOTES + _BARS + _GAP + legend_height + _GAP + _LOWER_EDGE
    inner = _SHORT - 2 * _MARGIN
    room = Box(_MARGIN + _LEFT_EDGE, below, inner - _LEFT_EDGE, _LONG - _MARGIN - _TITLE - below)
    placed, scale = _placed(frame, room)
    legend = Box(_MARGIN, placed.bottom - _LOWER_EDGE - _GAP - legend_height, inner, legend_height)
    bars = Box(_MARGIN, legend.bottom - _GAP - _BARS, inner, _BARS)
    notes = Box(_MARGIN, bars.bottom - _NOTES, inner, _NOTES)
    title = Box(_MARGIN, _LONG - _MARGIN - _TITLE, inner, _TITLE)
    return Page(_SHORT, _LONG, placed, scale, title, legend, _COLUMNS, row, shown, bars, notes)


def _on_its_side(frame: Frame, units: int, row: float) -> Page:
    left = _MARGIN + _LEFT_EDGE
    bottom, top = _MARGIN + _LOWER_EDGE, _SHORT - _MARGIN - _TITLE
    beside = _LONG - _MARGIN - _COLUMN
    placed, scale = _placed(frame, Box(left, bottom, beside - 2 * _GAP - left, top - bottom))
    column = placed.left + placed.width + 2 * _GAP
    legend = Box(column, top - units * row, _LONG - _MARGIN - column, units * row)
    notes = Box(column, _MARGIN, legend.width, 2 * _NOTES)
    bars = Box(column, notes.top, legend.width, _BARS)
    title = Box(_MARGIN, top, _LONG - 2 * _MARGIN, _TITLE)
    return Page(_LONG, _SHORT, placed, scale, title, legend, 1, row, units, bars, notes)


def _placed(frame: Frame, room: Box) -> tuple[Box, float | None]:
    """The map in the upper left corner of its room, at a round scale if its size on the ground is known."""
    across, up = frame.size
    if frame.metres is None:
        factor = min(room.width / across, room.height / up)
        scale = None
    else:
        scale = max(round_scale(across, room.width), round_scale(up, room.height))
        factor = 100 / scale
    width, height = across * factor, up * factor
    return Box(room.left, room.top - height, width, height), scale
