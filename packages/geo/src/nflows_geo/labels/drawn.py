"""Points and polygons as pixels of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.labels.features import Features
from nflows_geo.raster import Grid

_STRIP = 1024
_SHOWN = 3


@dataclass(frozen=True)
class Pixels:
    """Pixels with a class.

    Arguments:
        rows: (N,).
        columns: (N,).
        classes: The place of each one's class in ``names``, (N,).
        names: The names of all classes.
        groups: The polygon in which each lies, (N,); nothing of points.
        notes: What was left out, in words.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    classes: NDArray[np.int64]
    names: NDArray[np.str_]
    groups: NDArray[np.int32] | None
    notes: tuple[str, ...]


def drawn(features: Features, grid: Grid) -> Pixels:
    """The pixels in which points lie, or whose middles lie in polygons; the features in the CRS of the grid.

    A pixel in polygons of several classes has none.

    Raises:
        ValueError: All points lie outside of the grid.
    """
    are_points = shapely.get_type_id(features.figures[0]) == shapely.GeometryType.POINT
    return _of_points(features, grid) if are_points else _of_polygons(features, grid)


def _of_points(features: Features, grid: Grid) -> Pixels:
    x, y = shapely.get_coordinates(features.figures).T
    columns, rows = grid.position(x, y)
    inside = (columns >= 0) & (columns < grid.width) & (rows >= 0) & (rows < grid.height)
    count = f"{(~inside).sum():,} of {len(inside):,} points lie outside the scene"
    if not inside.any():
        first = ", ".join(f"({x[i]:.10g}, {y[i]:.10g})" for i in range(min(_SHOWN, len(x))))
        downwards = "" if grid.crs else " (y is minus the line)"
        raise ValueError(
            f"{features.path}: {count}, the first at {first};\ncheck the CRS; the scene: {grid}{downwards}"
        )
    names, classes = np.unique(features.classes[inside], return_inverse=True)
    notes = () if inside.all() else (f"{count} and are left out",)
    return Pixels(rows[inside].astype(np.int32), columns[inside].astype(np.int32), classes, names, None, notes)


def _of_polygons(features: Features, grid: Grid) -> Pixels:
    names, classes = np.unique(features.classes, return_inverse=True)
    tree = shapely.STRtree(features.figures)
    parts, twice = [], 0
    for tile in grid.tiles(_STRIP):
        near = np.sort(tree.query(shapely.box(*_bounds(grid, tile.core))))
        owners, times = _owners(features.figures, classes, near, grid, tile.core)
        rows, columns = np.nonzero(times == 1)
        twice += int((times > 1).sum())
        parts.append((rows + tile.core.row_off, columns + tile.core.col_off, owners[rows, columns]))
    rows, columns, owners = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    empty = len(names_of := features.figures) - len(np.unique(owners))
    notes = []
    if empty:
        notes.append(f"{empty:,} of {len(names_of):,} polygons have no pixel: outside the scene, too small or overlaid")
    if twice:
        notes.append(f"{twice:,} pixels lie in polygons of several classes and are left out")
    present, numbers = np.unique(classes[owners], return_inverse=True)
    return Pixels(
        rows.astype(np.int32), columns.astype(np.int32), numbers, names[present], owners.astype(np.int32), tuple(notes)
    )


def _owners(
    figures: NDArray[Any], classes: NDArray[np.int64], near: NDArray[np.int64], grid: Grid, window: Window
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """The polygon of each pixel of a window, and in how many classes' polygons it lies, (H, W)."""
    from rasterio.features import rasterize

    owners, times = np.zeros((2, window.height, window.width), np.int32)
    place = grid.transform @ type(grid.transform).translation(window.col_off, window.row_off)
    for number in np.unique(classes[near]):
        shapes = [(figures[i], int(i) + 1) for i in near if classes[i] == number]
        found = rasterize(shapes, times.shape, transform=place, dtype="int32")
        times += found > 0
        owners = np.where(found > 0, found - 1, owners)
    return owners, times


def _bounds(grid: Grid, window: Window) -> tuple[float, float, float, float]:
    left, top = grid.place(window.col_off, window.row_off)
    right, bottom = grid.place(window.col_off + window.width, window.row_off + window.height)
    return left, bottom, right, top
