"""What is known of the ground: classes of pixels, from a raster, points or polygons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.labels.drawn import drawn
from nflows_geo.labels.rasters import read_codes
from nflows_geo.labels.tables import TABLE_SUFFIXES, read_table
from nflows_geo.labels.vectors import VECTOR_SUFFIXES, read_vectors
from nflows_geo.raster import Grid

_MOST_CLASSES = 255


@dataclass(frozen=True)
class Labels:
    """The labelled pixels of a scene, nine bytes each.

    Arguments:
        rows: The row of each labelled pixel, :math:`(N,)`; two points may lie in one pixel.
        columns: Its column, :math:`(N,)`.
        classes: Its class, from 1, :math:`(N,)`.
        names: The name of each class.
        outlines: The polygon in which each was drawn, :math:`(N,)`, if the file has polygons.
        notes: What was left out or assumed when they were read, in words.
        of_points: Whether the file has points.

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
    outlines: NDArray[np.int32] | None = None
    notes: tuple[str, ...] = ()
    of_points: bool = False

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def called(self) -> str:
        """What `polygons` are called: polygons, or of points groups of those that touch."""
        return "groups of points" if self.of_points else "polygons"

    @property
    def polygons(self) -> NDArray[np.int32]:
        """The polygon that each label is in, :math:`(N,)`: of the file, else the group of touching pixels of one class.

        Labels are drawn as polygons, and the pixels of one tell about the same outcrop: they are not independent.
        """
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        if self.outlines is not None:
            return self.outlines
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
    path: Path,
    grid: Grid,
    *,
    align: bool = False,
    assume_crs: bool = False,
    column: str = "class",
    labels_layer: str | None = None,
) -> Labels:
    """Reads labels that lie on a grid.

    Arguments:
        path: A raster of classes, where 0 and nodata mean unlabelled; points, or polygons, which label the pixels whose
            middles lie in them: GeoPackage, GeoJSON, Shapefile or FlatGeobuf; or a table of points with columns x and
            y, easting and northing, or lon and lat.
        grid: The grid of the scene.
        align: Take a raster that lies elsewhere by the nearest pixel.
        assume_crs: Take the scene's CRS where the file has none. A raster of the scene's size needs it not.
        column: The column of points or polygons with their class.
        labels_layer: The layer of a vector file that has several.

    Returns:
        The labels; their notes count what was left out, as points outside of the scene or without a class.

    Raises:
        GridMismatchError: A raster does not lie on the grid.
        ValueError: The file cannot be read; or there is no CRS, no label on the scene, one class or more than 255.

    Example:
        >>> from nflows_geo import open_scene, read_labels
        >>> labels = read_labels(Path("labels.tif"), open_scene(Path("scene.tif")).grid)
        >>> len(labels), labels.names
        (1200, {1: '1', 2: '2', 3: '3'})
    """
    if path.suffix.lower() in (*TABLE_SUFFIXES, *VECTOR_SUFFIXES):
        return _of_features(path, grid, assume_crs, column, labels_layer)
    return _of_raster(path, grid, align, assume_crs)


def _of_features(path: Path, grid: Grid, assume_crs: bool, column: str, layer: str | None) -> Labels:
    is_table = path.suffix.lower() in TABLE_SUFFIXES
    read = read_table(path, grid, assume_crs, column) if is_table else read_vectors(path, layer, column)
    features = read.complete().on(grid, assume_crs)
    pixels = drawn(features, grid)
    notes = (*features.notes, *pixels.notes)
    _check_classes(path, [str(name) for name in pixels.names], len(pixels.rows), notes)
    names = {number: str(name) for number, name in enumerate(pixels.names, 1)}
    classes, of_points = (pixels.classes + 1).astype(np.uint8), pixels.groups is None
    return Labels(pixels.rows, pixels.columns, classes, names, pixels.groups, _of(path, notes), of_points)


def _of_raster(path: Path, grid: Grid, align: bool, assume_crs: bool) -> Labels:
    """Labels with the file's own numbers as names, and as classes where a byte holds them."""
    read = read_codes(path, grid, align, assume_crs)
    counts = np.bincount(read.places, minlength=len(read.codes)).tolist()
    present = sorted(code for code, count in zip(read.codes, counts, strict=True) if count)
    _check_classes(path, [str(code) for code in present], len(read.places), read.notes)
    fit = present[0] > 0 and present[-1] <= _MOST_CLASSES
    classes = {code: code if fit else number for number, code in enumerate(present, 1)}
    table = np.array([classes.get(code, 0) for code in read.codes], np.uint8)
    names = {number: str(code) for code, number in classes.items()}
    return Labels(read.rows, read.columns, table[read.places], names, notes=_of(path, read.notes))


def _of(path: Path, notes: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{path.name}: {note}" for note in notes)


def _check_classes(path: Path, names: Sequence[str], labels: int, notes: Sequence[str]) -> None:
    known = f" ({'; '.join(notes)})" if notes else ""
    if not labels:
        raise ValueError(f"{path} has no label on the scene; 0 and nodata mean unlabelled{known}")
    if len(names) == 1:
        one = f"{path} has one class on the scene, {names[0]}; nothing can be compared with fewer than two"
        raise ValueError(one + known)
    if len(names) > _MOST_CLASSES:
        raise ValueError(f"{path} has {len(names)} classes, more than {_MOST_CLASSES}; give classes, not measurements")
