"""What is known of the ground: classes of pixels, from a raster or from points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.windows import Window

from nflows_geo.labels.points import POINT_SUFFIXES, Points, read_points
from nflows_geo.raster import Grid, GridMismatchError, grid_of, open_raster
from nflows_geo.scene import Band, Placed

_STRIP = 1024
_MOST_CLASSES = 255
_SHOWN = 3


@dataclass(frozen=True)
class Labels:
    """The labelled pixels of a scene, nine bytes each.

    Arguments:
        rows: The row of each labelled pixel, :math:`(N,)`; two points may lie in one pixel.
        columns: Its column, :math:`(N,)`.
        classes: Its class, from 1, :math:`(N,)`.
        names: The name of each class.

    Example:
        >>> from nflows_geo import Labels
        >>> rows, columns = np.array([0, 0, 1, 7], np.int32), np.array([0, 1, 1, 3], np.int32)
        >>> labels = Labels(rows, columns, np.array([1, 1, 1, 1], np.uint8), {1: "granite"})
        >>> labels.polygons
        array([0, 0, 0, 1], dtype=int32)
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    classes: NDArray[np.uint8]
    names: dict[int, str]

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def polygons(self) -> NDArray[np.int32]:
        """The group of touching pixels of one class that each label is in, :math:`(N,)`.

        Labels are drawn as polygons, and the pixels of one tell about the same outcrop: they are not independent.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        line = int(self.columns.max()) + 3
        keys = self.rows.astype(np.int64) * line + self.columns
        order = np.argsort(keys, kind="stable")
        pairs = np.concatenate([_pairs(keys[order], self.classes[order], step) for step in _steps(line)], axis=1)
        links = coo_array((np.ones(pairs.shape[1], np.int8), tuple(order[pairs])), (len(keys), len(keys)))
        groups: NDArray[np.int32] = connected_components(links, directed=False)[1]
        return groups

    def within(self, window: Window) -> tuple[NDArray[np.bool_], NDArray[np.int32], NDArray[np.int32]]:
        """Which labels lie in a window, :math:`(N,)`, and the rows and columns in it of those that do."""
        rows, columns = self.rows - window.row_off, self.columns - window.col_off
        here = (rows >= 0) & (rows < window.height) & (columns >= 0) & (columns < window.width)
        return here, rows[here], columns[here]

    def at(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """The values of a map of the scene, :math:`(H, W)`, at the labelled pixels."""
        return values[self.rows, self.columns]


def _steps(line: int) -> tuple[int, ...]:
    """From the key of a pixel to its own, that of a second label there, and to those of the next in all directions."""
    return 0, 1, line - 1, line, line + 1


def _pairs(keys: NDArray[np.int64], classes: NDArray[np.uint8], step: int) -> NDArray[np.int64]:
    """Places in the sorted keys of labels of one class that lie a step apart, :math:`(2, P)`."""
    first = np.arange(len(keys))
    second = np.searchsorted(keys, keys + step).clip(max=len(keys) - 1)
    linked = (keys[second] == keys + step) & (classes[second] == classes) & (first != second)
    return np.stack([first[linked], second[linked]])


def read_labels(
    path: Path, grid: Grid, *, align: bool = False, assume_crs: bool = False, column: str = "class"
) -> Labels:
    """Reads labels that lie on a grid.

    Arguments:
        path: A raster of classes, where 0 and nodata mean unlabelled, or points: GeoPackage, GeoJSON, Shapefile, or
            CSV with columns x and y, or lon and lat.
        grid: The grid of the scene.
        align: Take a raster that lies elsewhere by the nearest pixel.
        assume_crs: Take the scene's CRS where the file has none.
        column: The column of points with their class.

    Raises:
        GridMismatchError: A raster does not lie on the grid.
        ValueError: There is no CRS, there are points outside the scene, no labels, or more than 255 classes.

    Example:
        >>> from nflows_geo import open_scene, read_labels
        >>> labels = read_labels(Path("labels.tif"), open_scene(Path("scene.tif")).grid)
        >>> len(labels), labels.names
        (1200, {1: '1', 2: '2', 3: '3'})
    """
    if path.suffix.lower() in POINT_SUFFIXES:
        return _of_points(path, read_points(path, grid.crs, assume_crs, column), grid)
    return _of_raster(path, grid, align, grid.crs if assume_crs else None)


def _of_raster(path: Path, grid: Grid, align: bool, assumed: CRS | None) -> Labels:
    with open_raster(path) as dataset:
        own = grid_of(dataset, assumed)
        if not align and not own.same_as(grid):
            raise GridMismatchError(path.name, own, "the scene", grid)
        nodata = dataset.nodatavals[0]
        placed = Placed(Band(path.stem, path, invalid=(0,) if nodata is None else (0, nodata)), own)
        parts = [_labelled(placed.read(dataset, grid, tile.core), tile.core.row_off, tile.core.col_off)
                 for tile in grid.tiles(_STRIP)]  # fmt: skip
    rows, columns, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return _numbered(path, rows, columns, values)


def _labelled(
    block: NDArray[np.float32], row: int, column: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    rows, columns = np.nonzero(~np.isnan(block))
    return (rows + row).astype(np.int32), (columns + column).astype(np.int32), block[rows, columns].astype(np.int32)


def _of_points(path: Path, points: Points, grid: Grid) -> Labels:
    columns, rows = grid.position(points.x, points.y)
    outside = ~((columns >= 0) & (columns < grid.width) & (rows >= 0) & (rows < grid.height))
    if outside.any():
        first = ", ".join(f"({points.x[i]:.10g}, {points.y[i]:.10g})" for i in np.flatnonzero(outside)[:_SHOWN])
        raise ValueError(
            f"{path}: {outside.sum()} of {len(outside)} points lie outside the scene, the first at {first};\n"
            f"remove them, or check the CRS; the scene: {grid}"
        )
    names, numbers = np.unique(points.classes, return_inverse=True)
    _check_count(path, len(names), len(numbers))
    return Labels(
        rows.astype(np.int32),
        columns.astype(np.int32),
        (numbers + 1).astype(np.uint8),
        {number: str(name) for number, name in enumerate(names, 1)},
    )


def _numbered(path: Path, rows: NDArray[np.int32], columns: NDArray[np.int32], values: NDArray[np.int32]) -> Labels:
    """Labels with the file's own numbers as names, and as classes where a byte holds them."""
    distinct, numbers = np.unique(values, return_inverse=True)
    _check_count(path, len(distinct), len(values))
    if distinct.min() > 0 and distinct.max() <= _MOST_CLASSES:
        return Labels(rows, columns, values.astype(np.uint8), {int(value): str(value) for value in distinct})
    names = {number: str(value) for number, value in enumerate(distinct, 1)}
    return Labels(rows, columns, (numbers + 1).astype(np.uint8), names)


def _check_count(path: Path, classes: int, labels: int) -> None:
    if not labels:
        raise ValueError(f"{path} has no label on the scene; 0 and nodata mean unlabelled")
    if classes > _MOST_CLASSES:
        raise ValueError(f"{path} has {classes} classes, more than {_MOST_CLASSES}; give classes, not measurements")
