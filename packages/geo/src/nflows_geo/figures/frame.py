"""Where a picture lies on the ground, as its edge, its scale, its bar and its arrow say it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nflows_geo.raster import Grid
from nflows_geo.raster.reference_systems import horizontal, name_of

if TYPE_CHECKING:
    from pyproj import CRS

_STEP = 0.005
"""The part of a grid's width over which lengths and directions are measured: small, so that both are those there."""
_TURNS = 10.0
"""Degrees by which the north may turn over a map that has one arrow."""
_NAMELESS = re.compile("$|unnamed|unknown|undefined|not.?specified", re.IGNORECASE)
_NO_REFERENCE = "No coordinate reference system: where it lies is not known"


@dataclass(frozen=True)
class Frame:
    """The ground under a picture.

    Arguments:
        extent: Left, right, bottom and top, in units of the coordinate reference system.
        unit: The unit of these: "metre", "degree", "pixel", or another in words.
        metres: Metres on the ground in one unit, eastwards and northwards, at the middle; nothing if it is not known.
        reference: The coordinate reference system and its datum, in words.
        columns: How many pixels lie side by side.
        north: Where the north is, in degrees from the upper edge clockwise; nothing if it is not known, or nowhere.
    """

    extent: tuple[float, float, float, float]
    unit: str
    metres: tuple[float, float] | None
    reference: str
    columns: int
    north: float | None

    @classmethod
    def of(cls, grid: Grid) -> Self:
        """The frame of a grid."""
        left, bottom, right, top = grid.bounds
        extent = (left, right, bottom, top)
        if grid.crs is None:
            return cls(extent, grid.unit, None, _NO_REFERENCE, grid.width, None)
        crs = horizontal(grid.crs)
        # The grid of a mine, say, which nobody has tied to the globe, has no longitudes.
        places = None if crs.geodetic_crs is None else _Places(crs, crs.geodetic_crs, extent)
        metres = (None if places is None else places.metres()) or grid.metres
        return cls(
            extent,
            grid.unit,
            metres,
            _words(crs, name_of(grid.crs)),
            grid.width,
            None if places is None else places.north(),
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height, in metres on the ground, or in units where metres are not known."""
        left, right, bottom, top = self.extent
        east, north = self.metres or (1.0, 1.0)
        return (right - left) * east, (top - bottom) * north

    @property
    def is_in_feet(self) -> bool:
        return "foot" in self.unit.lower() or "feet" in self.unit.lower()


class _Places:
    """The middle of a map and its corners, between its coordinates and longitude and latitude."""

    def __init__(self, crs: CRS, geodetic: CRS, extent: tuple[float, float, float, float]) -> None:
        from pyproj import Transformer

        left, right, bottom, top = extent
        self._step = _STEP * (right - left), _STEP * (top - bottom)
        self._middle = (left + right) / 2, (bottom + top) / 2
        self._corners = [(x, y) for x in (left, right) for y in (bottom, top)]
        self._geod = crs.get_geod()
        self._to = Transformer.from_crs(crs, geodetic, always_xy=True)

    def metres(self) -> tuple[float, float] | None:
        """Metres in one unit at the middle, on the ellipsoid."""
        if self._geod is None:
            return None
        x, y = self._middle
        lengths = []
        for east, north in ((self._step[0], 0.0), (0.0, self._step[1])):
            ends = [self._to.transform(x + sign * east, y + sign * north) for sign in (-1, 1)]
            lengths.append(self._geod.inv(*ends[0], *ends[1])[2] / (2 * (east + north)))
        return (lengths[0], lengths[1]) if all(map(_is_length, lengths)) else None

    def north(self) -> float | None:
        """Where the north is at the middle, if it is about the same at the corners."""
        angle, *others = [self._north_at(x, y) for x, y in (self._middle, *self._corners)]
        turns = [abs((other - angle + 180) % 360 - 180) for other in others]
        return angle if max(turns) <= _TURNS else None

    def _north_at(self, x: float, y: float) -> float:
        longitude, latitude = self._to.transform(x, y)
        step = 1e-4 if latitude < 89 else -1e-4
        further = self._to.transform(longitude, latitude + step, direction="INVERSE")
        sign = math.copysign(1, step)
        return math.degrees(math.atan2(sign * (further[0] - x), sign * (further[1] - y)))


def _is_length(value: float) -> bool:
    return math.isfinite(value) and value > 0


def _words(crs: CRS, short: str) -> str:
    """WGS 84 / UTM zone 41N (EPSG:32641), datum World Geodetic System 1984."""
    number = f" ({short})" if short.startswith("EPSG:") else ""
    return f"{_name(crs)}{number}, {_datum(crs)}"


def _name(crs: CRS) -> str:
    """Its name, or how it projects if it has none."""
    if not _NAMELESS.match(crs.name):
        return crs.name
    operation = crs.coordinate_operation
    return "Coordinate system without a name" + ("" if operation is None else f", {operation.method_name}")


def _datum(crs: CRS) -> str:
    datum = crs.datum or (None if crs.geodetic_crs is None else crs.geodetic_crs.datum)
    if datum is not None and not _NAMELESS.match(datum.name):
        return f"datum {datum.name.removesuffix(' ensemble')}"
    return "datum unknown" + ("" if crs.ellipsoid is None else f", ellipsoid {crs.ellipsoid.name}")
