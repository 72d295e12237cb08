"""Where the pixels of a raster lie, and how two rasters lie to each other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from nflows_geo.raster.reference_systems import (
    bounds_in,
    difference,
    full_turn,
    is_reachable,
    metres_per_unit,
    name_of,
    same_system,
    unit_of,
)

_Place = TypeVar("_Place", float, NDArray[np.float64])
_Scalar = TypeVar("_Scalar", bound=np.generic)
_TOLERANCE = 0.01
"""The shift in pixels from which two grids are different. Coordinates are stored with far less error."""


@dataclass(frozen=True)
class Grid:
    r"""The pixels of a raster on the ground.

    Arguments:
        crs: The coordinate reference system; nothing where there is none, as of a photograph of a core.
        transform: From (column, row) to (x, y) in units of the CRS; the corner of the first pixel is (0, 0).
        width: The number of columns.
        height: The number of rows.

    Raises:
        ValueError: The pixels are rotated, or run from south to north or from east to west.
    """

    crs: CRS | None
    transform: Affine
    width: int
    height: int

    def __post_init__(self) -> None:
        a, b, _, d, e, _ = self.transform[:6]
        if b or d or a <= 0 or e >= 0:
            raise ValueError(f"the grid {tuple(self.transform)[:6]} is rotated or flipped; warp it north up first")

    @property
    def resolution(self) -> tuple[float, float]:
        """Width and height of a pixel, in units of the CRS."""
        return self.transform.a, -self.transform.e

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def window(self) -> Window:
        """All of its pixels."""
        return Window(0, 0, self.width, self.height)

    @property
    def metres(self) -> tuple[float, float]:
        """Metres in one unit of the CRS, eastwards and northwards, for degrees at the middle of the grid; else one."""
        return metres_per_unit(self.crs, self.place(self.width / 2, self.height / 2)[1])

    @property
    def unit(self) -> str:
        """The unit of its coordinates: "metre", "degree", or another in words; "pixel" without a CRS."""
        if self.crs is None:
            return "pixel" if self.resolution == (1.0, 1.0) else "unknown unit"
        return unit_of(self.crs)

    @property
    def crs_name(self) -> str:
        """EPSG:32641 or a definition, and where there is no CRS what that means."""
        return NOWHERE if self.crs is None else str(self.crs.to_string())

    def __str__(self) -> str:
        x, y = self.transform.c, self.transform.f
        unit = {"degree": "degrees", "metre": "m"}.get(self.unit, self.unit)
        width, height = self.resolution
        size = f"{width:.10g}" if math.isclose(width, height) else f"{width:.10g} x {height:.10g}"
        start = f"{name_of(self.crs)}, {self.width} x {self.height} pixels"
        return start if unit == "pixel" else f"{start} of {size} {unit} from ({x:.10g}, {y:.10g})"

    def same_system(self, other: Grid) -> bool:
        """Whether the same coordinates are the same place in both; see `raster.reference_systems.same_system`."""
        return same_system(self.crs, other.crs)

    def same_as(self, other: Grid) -> bool:
        """Whether both have the same pixels, within a hundredth of one."""
        return (self.width, self.height) == (other.width, other.height) and self.factor(other) == 1 and self._at(other)

    def factor(self, finer: Grid) -> int:
        """How many pixels of a finer grid make the side of one of these, corner on corner; 0 if they do not nest."""
        ratios = [own / others for own, others in zip(self.resolution, finer.resolution, strict=True)]
        factor = round(ratios[0])
        drifts = [abs(ratio - factor) * size for ratio, size in zip(ratios, (self.width, self.height), strict=True)]
        column, row = self.shift(finer)
        apart = max(abs(column - round(column)), abs(row - round(row)), *drifts)
        return factor if self.same_system(finer) and apart < _TOLERANCE else 0

    def shift(self, other: Grid) -> tuple[float, float]:
        """The column and row of the other grid at which this one's first corner lies."""
        return other.position(self.transform.c, self.transform.f)

    def place(self, column: _Place, row: _Place) -> tuple[_Place, _Place]:
        """Where on the ground a column and a row are, in units of the CRS; whole numbers are corners of pixels."""
        return self.transform.c + column * self.transform.a, self.transform.f + row * self.transform.e

    def position(self, x: _Place, y: _Place) -> tuple[_Place, _Place]:
        """The column and row of a place; the inverse of `place`."""
        return (x - self.transform.c) / self.transform.a, (y - self.transform.f) / self.transform.e

    def _at(self, other: Grid) -> bool:
        return max(map(abs, self.shift(other))) < _TOLERANCE

    def overlaps(self, other: Grid) -> bool:
        """Whether the two share ground, as far as the box of the other in this one's CRS tells."""
        left, bottom, right, top = self.bounds
        return any(
            left < other_right and other_left < right and bottom < other_top and other_bottom < top
            for other_left, other_bottom, other_right, other_top in self.boxes(other).values()
        )

    def boxes(self, other: Grid) -> dict[int, tuple[float, float, float, float]]:
        """Where another grid lies in this one's CRS: left, bottom, right, top, by turns of the Earth eastwards.

        Degrees go round the Earth, and 359 is -1: in a geographic CRS there is a box for every turn that may bring the
        other onto this grid, that of no turn first. There is none if the other has no place in this CRS.
        """
        left, bottom, right, top = bounds_in(other.crs, self.crs, other.bounds)
        if not all(map(math.isfinite, (left, bottom, right, top))):
            return {}
        turn = full_turn(self.crs)
        if turn is None:
            return {0: (left, bottom, right, top)}
        right += turn if left > right else 0.0  # across the antimeridian
        own_left, _, own_right, _ = self.bounds
        first, last = math.floor((own_left - right) / turn), math.ceil((own_right - left) / turn)
        turns = sorted(range(first, last + 1), key=abs)
        return {count: (left + count * turn, bottom, right + count * turn, top) for count in turns}

    def turned(self, turns: int) -> Grid:
        """The same pixels so many turns of the Earth further east, in a geographic CRS."""
        a, b, x, d, e, y = self.transform[:6]
        return Grid(self.crs, Affine(a, b, x + turns * (full_turn(self.crs) or 0.0), d, e, y), self.width, self.height)

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, bottom, right, top, in units of the CRS."""
        right, bottom = self.place(self.width, self.height)
        return self.transform.c, bottom, right, self.transform.f

    def tile_count(self, size: int) -> int:
        """How many tiles of a side cover the grid; see `tiles`."""
        return -(-self.height // size) * -(-self.width // size)

    def tiles(self, size: int, margin: int = 0) -> Iterator[Tile]:
        """Squares that cover every pixel once, in the order of the rows; those at the right and lower edge are smaller.

        Arguments:
            size: Side of a square in pixels.
            margin: Pixels around it that are read with it; fewer at the edge of the grid.
        """
        for row in range(0, self.height, size):
            for column in range(0, self.width, size):
                height, width = min(size, self.height - row), min(size, self.width - column)
                yield self._tile(Window(column, row, width, height), margin)

    def _tile(self, core: Window, margin: int) -> Tile:
        left, top = min(margin, core.col_off), min(margin, core.row_off)
        right = min(margin, self.width - core.col_off - core.width)
        bottom = min(margin, self.height - core.row_off - core.height)
        padded = Window(core.col_off - left, core.row_off - top, left + core.width + right, top + core.height + bottom)
        return Tile(core, padded)


NOWHERE = "none; places and areas are in pixels"
"""What is said of the CRS of a grid that has none."""


@dataclass(frozen=True)
class Tile:
    """A part of a grid that is worked on at once.

    Arguments:
        core: The pixels whose results are kept.
        padded: These pixels and a margin around them.
    """

    core: Window
    padded: Window

    def crop(self, block: NDArray[_Scalar]) -> NDArray[_Scalar]:
        """What was computed for the padded window, [..., H, W], without the margin."""
        top, left = self.core.row_off - self.padded.row_off, self.core.col_off - self.padded.col_off
        return block[..., top : top + self.core.height, left : left + self.core.width]


class GridMismatchError(ValueError):
    """Two rasters do not lie on the same pixels; the message shows both grids and how far apart they are.

    Arguments:
        name: The raster whose grid does not fit.
        grid: Its grid.
        other_name: The raster that it should fit.
        other: The grid of the other raster.
    """

    def __init__(self, name: str, grid: Grid, other_name: str, other: Grid) -> None:
        super().__init__(
            f"{name} does not lie on the grid of {other_name}: {_difference(grid, other)}\n"
            f"  {name}: {grid}; {other_name}: {other}"
        )


def finest(grids: Sequence[Grid]) -> Grid:
    """The grid with the smallest pixels on the ground; of several the first."""
    return min(grids, key=lambda grid: grid.resolution[0] * grid.metres[0] * grid.resolution[1] * grid.metres[1])


_ADVICE = "`align` resamples it"


def _difference(grid: Grid, other: Grid) -> str:
    """Why two grids do not fit, in words."""
    if is_reachable(grid.crs, other.crs) and not grid.overlaps(other):
        systems = "" if grid.same_system(other) else f": {difference(grid.crs, other.crs)}"
        return f"they do not overlap; check that both are of the same place{systems}"
    if not grid.same_system(other):
        advice = _ADVICE if is_reachable(grid.crs, other.crs) else "if that is wrong, set it by rio edit-info --crs"
        return f"{difference(grid.crs, other.crs)}; {advice}"
    if grid.resolution == other.resolution and grid.factor(other) == 1:
        return f"it starts {_offset(grid, other)}, and has {grid.width} x {grid.height} pixels; {_ADVICE}"
    column, row = grid.shift(other)
    near = f"{math.hypot(column - round(column), row - round(row)):.2f} pixels off the nearest corner"
    return f"it starts {_offset(grid, other)}, {near}; {_ADVICE}"


def _offset(grid: Grid, other: Grid) -> str:
    metres, unit = other.metres, "m" if other.crs else other.unit
    east = (grid.transform.c - other.transform.c) * metres[0]
    north = (grid.transform.f - other.transform.f) * metres[1]
    sides = "west" if east < 0 else "east", "south" if north < 0 else "north"
    return f"{_shown(abs(east))} {unit} {sides[0]}, {_shown(abs(north))} {unit} {sides[1]}"


def _shown(metres: float) -> str:
    return f"{metres:,.2f}" if metres < 100 else f"{metres:,.0f}"
