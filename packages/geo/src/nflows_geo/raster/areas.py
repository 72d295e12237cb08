r"""Areas on the ground: on the ellipsoid of the coordinate reference system, of every pixel by itself.

The area of a degree of latitude and longitude, of a metre of Web Mercator or of a polar projection differs within a
raster, so that pixels must not be counted and multiplied by the area of one of them. On an ellipsoid of semi-minor axis
b and eccentricity e, the part of it between the equator and the latitude :math:`\varphi` has, for each radian of
longitude, the area

.. math:: b^2 / 2 \cdot (\sin\varphi / (1 - e^2 \sin^2\varphi) + \operatorname{artanh}(e \sin\varphi) / e)

and with it as the ordinate over the longitude, areas are those of the plane. Source: Snyder, Map Projections: A Working
Manual (USGS Professional Paper 1395, 1987), equations 3-12 and 10-17.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.raster.grid import Grid
from nflows_geo.raster.reference_systems import horizontal, moved

if TYPE_CHECKING:
    import pyproj

_CELL_METRES = 20_000.0
"""The side of the cells of which all pixels have one area, at most; the area factor of projections in use changes by
less than 1 % on the way."""
_CELLS = 128
"""Cells along the longer side of a grid at least, if it has as many pixels."""
_LARGEST_CELL = 64
_POLAR = np.radians(80.0)
"""From here on the longitudes of a cell's corners may be far apart."""


@dataclass(frozen=True)
class PixelAreas:
    """The area of every pixel of a grid; those of a cell have one.

    Arguments:
        unit: "km²", or "pixels" where nothing is known of the ground.
        rows: The first row of each cell and, last, the height of the grid, (R + 1,).
        columns: The first column of each cell and, last, the width of the grid, (C + 1,).
        of_cells: The area of a pixel of each cell, (R, C).
    """

    unit: str
    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    of_cells: NDArray[np.float64]

    @property
    def column(self) -> str:
        """What a column of areas is called in tables and layers: ``area_km2`` or ``area_pixels``."""
        return f"area_{self.unit.replace('²', '2')}"

    def within(self, window: Window) -> NDArray[np.float64]:
        """The areas in a window, :math:`(H, W)`."""
        rows = self._cell(self.rows, window.row_off + np.arange(window.height))
        columns = self._cell(self.columns, window.col_off + np.arange(window.width))
        return self.of_cells.take(rows, 0).take(columns, 1)

    def of_outlines(self, figures: NDArray[Any], grid: Grid) -> NDArray[np.float64]:
        """The area of each of many polygons along the sides of pixels: the sum of the areas of their pixels.

        Arguments:
            figures: Polygons of shapely in the CRS of the grid, (N,).
            grid: The grid.
        """
        import shapely

        corners, polygons = shapely.get_coordinates(figures, return_index=True)
        columns, rows = np.rint(np.stack(grid.position(corners[:, 0], corners[:, 1]))).astype(np.int64)
        above = self._above(rows, columns)
        # By Green's theorem: what lies to the left of each side. Along the lines of the grid nothing is added, and from
        # one ring to the next neither.
        is_side = (columns[1:] == columns[:-1]) & (polygons[1:] == polygons[:-1]) & (_rings(figures)[:-1])
        sums = np.bincount(polygons[:-1], np.where(is_side, above[1:] - above[:-1], 0.0), minlength=len(figures))
        return np.asarray(np.abs(sums))

    def _above(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """The area of all that lies above a row and left of a column, (N,)."""
        sums = np.zeros((len(self.rows), len(self.columns)))
        pixels = np.diff(self.rows)[:, None] * np.diff(self.columns)
        sums[1:, 1:] = (self.of_cells * pixels).cumsum(0).cumsum(1)
        i, j = self._cell(self.rows, rows), self._cell(self.columns, columns)
        down, right = rows - self.rows[i], columns - self.columns[j]
        # Within a cell the sums grow evenly, as all of its pixels are alike.
        below, beside = (sums[i + 1, j] - sums[i, j]), (sums[i, j + 1] - sums[i, j])
        height, width = self.rows[i + 1] - self.rows[i], self.columns[j + 1] - self.columns[j]
        area = sums[i, j] + below * down / height + beside * right / width + self.of_cells[i, j] * down * right
        return np.asarray(area, np.float64)

    @staticmethod
    def _cell(starts: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.asarray(np.searchsorted(starts[:-1], places, side="right") - 1)


def _rings(figures: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether the next of all corners is of the same ring, (N,)."""
    import shapely

    counts = shapely.get_num_coordinates(shapely.get_rings(figures))
    same = np.ones(counts.sum(), np.bool_)
    same[np.cumsum(counts) - 1] = False
    return same


@lru_cache(maxsize=8)
def pixel_areas(grid: Grid) -> PixelAreas:
    """The areas of a grid's pixels on the ellipsoid of its CRS, in km²; without a CRS, each pixel is one.

    A local system, as that of a mine, is a plane.
    """
    if grid.crs is None:
        return _flat("pixels", grid, 1.0)
    system = horizontal(grid.crs)
    if system.geodetic_crs is None:
        return _flat("km²", grid, grid.metres[0] * grid.metres[1] * grid.resolution[0] * grid.resolution[1] / 1e6)
    return _by_rows(grid, system) if system.is_geographic else _by_cells(grid, system)


def _flat(unit: str, grid: Grid, area: float) -> PixelAreas:
    return PixelAreas(unit, np.array([0, grid.height]), np.array([0, grid.width]), np.array([[area]]))


def _by_rows(grid: Grid, system: pyproj.CRS) -> PixelAreas:
    """Exactly: parallels and meridians are the sides of pixels."""
    radians = float(system.axis_info[0].unit_conversion_factor)
    rows = np.arange(grid.height + 1)
    _, y = grid.place(np.zeros(1), rows.astype(np.float64))
    # Centres of pixels may lie on a pole, and half of them beyond.
    ordinates = _ordinates((y * radians).clip(-np.pi / 2, np.pi / 2), system.ellipsoid)
    areas = -np.diff(ordinates) * grid.resolution[0] * radians / 1e6
    return PixelAreas("km²", rows, np.array([0, grid.width]), areas[:, None])


def _by_cells(grid: Grid, system: pyproj.CRS) -> PixelAreas:
    nominal = grid.resolution[0] * grid.resolution[1] * grid.metres[0] * grid.metres[1] / 1e6
    longest = max(grid.width, grid.height)
    side = int(np.clip(min(_CELL_METRES / np.sqrt(nominal * 1e6), longest / _CELLS), 1, _LARGEST_CELL))
    rows, columns = (np.append(np.arange(0, size, side), size) for size in (grid.height, grid.width))
    x, y = grid.place(*np.meshgrid(columns.astype(np.float64), rows.astype(np.float64)))
    own = system.geodetic_crs or system
    radians = float(own.axis_info[0].unit_conversion_factor)
    longitude, latitude = (values * radians for values in moved(x, y, system, own))
    areas = _cell_areas(longitude, latitude, system.ellipsoid) / 1e6 / (np.diff(rows)[:, None] * np.diff(columns))
    # Outside of the projection there is no ground; what a file has there is nothing.
    return PixelAreas("km²", rows, columns, np.where(np.isfinite(areas), areas, nominal))


def _cell_areas(longitude: NDArray[np.float64], latitude: NDArray[np.float64], ellipsoid: Any) -> NDArray[np.float64]:
    """The areas of the cells between corners, in square metres, (R, C), of corners in radians, (R + 1, C + 1)."""
    ordinates = _ordinates(latitude, ellipsoid)
    middle = longitude[:-1, :-1]
    east = [(corner - middle + np.pi) % (2 * np.pi) - np.pi for corner in _corners(longitude)]
    plane = _shoelace(east, _corners(ordinates))
    # About a pole longitudes turn: there the plane is Lambert's azimuthal one.
    pole = np.sign(latitude)
    radius = np.sqrt(2 * (_ordinates(np.pi / 2 * np.ones(1), ellipsoid) - np.abs(ordinates)).clip(min=0))
    polar = _shoelace(_corners(radius * np.sin(longitude) * pole), _corners(radius * np.cos(longitude)))
    areas: NDArray[np.float64] = np.abs(np.where(np.abs(latitude[:-1, :-1]) > _POLAR, polar, plane))
    return areas


def _corners(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The values at the four corners of every cell, one after the other around it."""
    return [values[:-1, :-1], values[:-1, 1:], values[1:, 1:], values[1:, :-1]]


def _shoelace(x: list[NDArray[np.float64]], y: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The areas of quadrilaterals by the coordinates of their four corners: half the cross product of the diagonals."""
    return ((x[2] - x[0]) * (y[3] - y[1]) - (x[3] - x[1]) * (y[2] - y[0])) / 2


def _ordinates(latitude: NDArray[np.float64], ellipsoid: Any) -> NDArray[np.float64]:
    """The area from the equator to latitudes, both in radians, for each radian of longitude, in square metres."""
    a, b = ellipsoid.semi_major_metre, ellipsoid.semi_minor_metre
    sine: NDArray[np.float64] = np.sin(latitude)
    e = math.sqrt(max(0.0, 1 - (b / a) ** 2))
    if e < 1e-6:  # a sphere, to the last digit
        return np.asarray(sine * a**2)
    return np.asarray((sine / (1 - (e * sine) ** 2) + np.arctanh(e * sine) / e) * (b**2 / 2))
