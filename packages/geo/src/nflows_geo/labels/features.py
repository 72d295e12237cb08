"""Points and polygons with a class, as files give them, brought onto the ground of a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.crs import CRS

from nflows_geo.raster import Grid, assumed_datum, horizontal, moved, same_system

POINTS, POLYGONS = ("Point", "MultiPoint"), ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Features:
    """What is known of places.

    Arguments:
        path: The file.
        figures: Points or polygons of shapely, (N,); nothing where a place is missing.
        classes: Their classes as words, (N,); "" where one is missing.
        crs: The CRS of the figures, if the file says it.
        notes: What was skipped or assumed, in words.
    """

    path: Path
    figures: NDArray[Any]
    classes: NDArray[np.str_]
    crs: CRS | None
    notes: tuple[str, ...] = ()

    def complete(self) -> Features:
        """Those that have a place and a class.

        Raises:
            ValueError: There are none, or there are others than points or polygons.
        """
        placed = ~(shapely.is_missing(self.figures) | shapely.is_empty(self.figures))
        classed = self.classes != ""
        notes = [
            f"{missing.sum():,} of {len(placed):,} features have no {what} and are left out"
            for what, missing in (("place", ~placed), ("class", placed & ~classed))
            if missing.any()
        ]
        kept = self._taken(placed & classed, notes)
        if not len(kept.figures):
            raise ValueError(f"{self.path} has no points or polygons with a class")
        return kept._parts()

    def _taken(self, which: NDArray[np.bool_], notes: list[str]) -> Features:
        return Features(self.path, self.figures[which], self.classes[which], self.crs, (*self.notes, *notes))

    def _parts(self) -> Features:
        """The points and polygons that several of them were together."""
        kinds = {figure.geom_type for figure in self.figures}
        if not (kinds <= set(POINTS) or kinds <= set(POLYGONS)):
            raise ValueError(f"{self.path} holds {', '.join(sorted(kinds))}; give points, or polygons, or a raster")
        parts, whole = shapely.get_parts(shapely.force_2d(self.figures), return_index=True)
        return replace(self, figures=parts, classes=self.classes[whole])

    def on(self, grid: Grid, assume_crs: bool) -> Features:
        """These in the CRS of a grid, those in degrees about its middle.

        Raises:
            ValueError: The file has no CRS and none is to be assumed, or places in it have none on the grid.
        """
        notes = []
        if self.crs is None and grid.crs is not None and not assume_crs:
            raise ValueError(
                f"{self.path} has no CRS; `assume_crs` takes that of the scene, or name columns lon and lat"
            )
        if self.crs is not None and grid.crs is None:
            raise ValueError(f"{self.path} has a CRS, but the scene has none: labels must be in its pixels")
        figures = self.figures
        if self.crs is not None and grid.crs is not None:
            if datum := assumed_datum(self.crs, grid.crs):
                notes.append(f"a datum that is not said is taken to be {datum}")
            if not same_system(self.crs, grid.crs):
                source, target = horizontal(self.crs), horizontal(grid.crs)
                try:
                    figures = shapely.transform(
                        figures, lambda xy: np.stack(moved(xy[:, 0], xy[:, 1], source, target), axis=1)
                    )
                except ValueError as error:
                    raise ValueError(f"{self.path}: {error}") from error
        return replace(self, figures=_near(figures, grid), crs=grid.crs, notes=(*self.notes, *notes))


def _near(figures: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """Figures in degrees moved by whole turns to where the grid is: it may lie across the antimeridian."""
    if grid.crs is None or not horizontal(grid.crs).is_geographic:
        return figures
    turn = 2 * math.pi / horizontal(grid.crs).axis_info[0].unit_conversion_factor
    left, _, right, _ = shapely.bounds(figures).T
    turns = np.nan_to_num(np.rint((grid.place(grid.width / 2, 0.0)[0] - (left + right) / 2) / turn))
    shifts = np.repeat(turns * turn, shapely.get_num_coordinates(figures))
    return np.asarray(
        shapely.set_coordinates(figures.copy(), shapely.get_coordinates(figures) + np.stack([shifts, 0 * shifts], 1))
    )
