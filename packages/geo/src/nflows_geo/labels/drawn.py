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
_NONE, _DISPUTED = -1, -2
"""In place of a polygon: that of a pixel in none, and of one in polygons of several classes."""


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
    classes: NDArray[np.unsignedinteger]
    names: NDArray[np.str_]
    groups: NDArray[np.int32] | None
    notes: tuple[str, ...]


def drawn(features: Features, grid: Grid) -> Pixels:
    """The pixels in which points lie, or whose middles lie in polygons; the features in the CRS of the grid.

    A pixel in polygons of several classes, or with points of several, has none.

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
    notes = [] if inside.all() else [f"{count} and are left out"]
    numbers = np.unique(features.classes, return_inverse=True)[1]
    pixels = np.floor(rows[inside]).astype(np.int64) * grid.width + np.floor(columns[inside]).astype(np.int64)
    undisputed = ~_of_several(pixels, numbers[inside])
    if disputed := len(np.unique(pixels[~undisputed])):
        notes.append(f"{disputed:,} pixels have points of several classes and are left out")
    kept = np.flatnonzero(inside)[undisputed]
    names, classes = np.unique(features.classes[kept], return_inverse=True)
    return Pixels(_int32(rows[kept]), _int32(columns[kept]), _small(classes), names, None, tuple(notes))


def _of_several(pixels: NDArray[np.int64], classes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which points lie in a pixel that has points of another class, (N,)."""
    present, places = np.unique(pixels, return_inverse=True)
    least, greatest = np.full(len(present), classes.max()), np.full(len(present), -1)
    np.minimum.at(least, places, classes)
    np.maximum.at(greatest, places, classes)
    return np.asarray((least < greatest)[places])


def _of_polygons(features: Features, grid: Grid) -> Pixels:
    names, classes = np.unique(features.classes, return_inverse=True)
    tree = shapely.STRtree(features.figures)
    seen = np.zeros(len(classes), np.bool_)
    parts, disputed = [], 0
    for tile in grid.tiles(_STRIP):
        owners = _owners(tree, classes, grid, tile.core)
        rows, columns = np.nonzero(owners >= 0)
        parts.append((_int32(rows + tile.core.row_off), _int32(columns + tile.core.col_off), owners[rows, columns]))
        seen |= np.bincount(parts[-1][2], minlength=len(seen)) > 0
        disputed += int((owners == _DISPUTED).sum())
    notes = []
    if not seen.all():
        empty = f"{(~seen).sum():,} of {len(seen):,} polygons have no pixel"
        notes.append(f"{empty}: outside the scene, too small or overlaid")
    if disputed:
        notes.append(f"{disputed:,} pixels lie in polygons of several classes and are left out")
    present, numbers = np.unique(classes[seen], return_inverse=True)
    of_polygons = np.zeros(len(seen), np.int64)
    of_polygons[seen] = numbers
    rows_, columns_, owners_ = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Pixels(rows_, columns_, _small(of_polygons)[owners_], names[present], owners_, tuple(notes))


def _int32(values: NDArray[Any]) -> NDArray[np.int32]:
    return values.astype(np.int32)


def _small(classes: NDArray[np.int64]) -> NDArray[np.unsignedinteger]:
    """The same numbers in a byte, if one holds them: there may be as many as a scene has pixels."""
    return classes.astype(np.uint8 if classes.max(initial=0) < 255 else np.uint32)


def _owners(tree: shapely.STRtree, classes: NDArray[np.int64], grid: Grid, window: Window) -> NDArray[np.int32]:
    """The polygon of each pixel of a window, (H, W); of several of one class any of them."""
    from rasterio.enums import MergeAlg
    from rasterio.features import rasterize

    near = np.sort(tree.query(shapely.box(*_bounds(grid, window))))
    if not len(near):
        return np.full((window.height, window.width), _NONE, np.int32)
    place = grid.transform @ type(grid.transform).translation(window.col_off, window.row_off)
    shared = {"out_shape": (window.height, window.width), "transform": place, "dtype": "int32"}
    figures = tree.geometries[near]
    owners = rasterize(zip(figures, near.tolist(), strict=True), fill=_NONE, **shared)
    times = rasterize(figures, merge_alg=MergeAlg.add, **shared)
    rows, columns = np.nonzero(times > 1)
    middles = grid.place(columns + window.col_off + 0.5, rows + window.row_off + 0.5)
    pixels, polygons = tree.query(shapely.points(*middles), predicate="intersects")
    least, greatest = np.full(len(rows), len(classes)), np.full(len(rows), -1)
    np.minimum.at(least, pixels, classes[polygons])
    np.maximum.at(greatest, pixels, classes[polygons])
    is_disputed = least < greatest
    owners[rows[is_disputed], columns[is_disputed]] = _DISPUTED
    return np.asarray(owners, np.int32)


def _bounds(grid: Grid, window: Window) -> tuple[float, float, float, float]:
    left, top = grid.place(window.col_off, window.row_off)
    right, bottom = grid.place(window.col_off + window.width, window.row_off + window.height)
    return left, bottom, right, top
