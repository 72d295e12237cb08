"""Reading one layer of a file on the grid of a scene."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.enums import MaskFlags, Resampling
from rasterio.io import DatasetReader
from rasterio.windows import Window

from nflows_geo.raster import Grid, read_north_up, reading
from nflows_geo.scene.bands import Band, Layer

RESAMPLINGS = ("nearest", "bilinear", "cubic")
_KERNEL = 4
"""Pixels of a source that reach beyond a window, at most: half a cubic kernel, and rounding."""
_CELL = 256
"""The side of the squares that are warped at once."""

_PLANE = CRS.from_wkt('LOCAL_CS["nowhere",UNIT["metre",1]]')
"""What is resampled in where there is no CRS."""


@dataclass(frozen=True)
class Placed:
    """A layer, the grid of its file and how it comes onto another.

    Arguments:
        layer: The band or mask.
        grid: The grid of the file.
        resampling: One of `RESAMPLINGS`.
    """

    layer: Layer
    grid: Grid
    resampling: str = "nearest"

    def read(self, dataset: DatasetReader, target: Grid, window: Window) -> NDArray[np.float32]:
        """The values in a window of the target, :math:`(H, W)`, with NaN where there are none."""
        if self.grid.same_system(target) and self.resampling == "nearest":
            return _first_values(self._nearest_of_turns(dataset, target, window), window)
        # GDAL's way between two systems is approximate, and another one for every window.
        block = np.empty((window.height, window.width), np.float32)
        for cell in _cells(target, window):
            values = _first_values(self._warped(dataset, _part(target, cell)), cell)
            (rows, columns), (own_rows, own_columns) = _shared(window, cell), _shared(cell, window)
            block = block.astype(values.dtype, copy=False)
            block[rows, columns] = values[own_rows, own_columns]
        return block

    def _nearest_of_turns(self, dataset: DatasetReader, target: Grid, window: Window) -> Iterator[NDArray[np.float32]]:
        part = _part(target, window)
        for turns in self.grid.boxes(part):
            turned = replace(self, grid=self.grid.turned(-turns)) if turns else self
            block = turned._nearest(dataset, target, window)
            if block is not None:
                yield block

    def _nearest(self, dataset: DatasetReader, target: Grid, window: Window) -> NDArray[np.float32] | None:
        """For every pixel the one of the file that its centre lies in, if any does; the same for any window."""
        columns, rows = _indices(self.grid, target, window)
        inside_columns = (columns >= 0) & (columns < self.grid.width)
        inside_rows = (rows >= 0) & (rows < self.grid.height)
        if not (inside_columns.any() and inside_rows.any()):
            return None
        source = _bounding(columns[inside_columns], rows[inside_rows])
        values: NDArray[np.float32] = self._decoded(dataset, source)
        if values.shape == (window.height, window.width) == (np.ptp(rows) + 1, np.ptp(columns) + 1):
            return values
        taken: NDArray[np.float32] = values.take(rows[inside_rows] - source.row_off, 0).take(
            columns[inside_columns] - source.col_off, 1
        )
        if taken.shape == (window.height, window.width):
            return taken
        block = np.full((window.height, window.width), np.nan, values.dtype)
        block[np.ix_(inside_rows, inside_columns)] = taken
        return block

    def _warped(self, dataset: DatasetReader, part: Grid) -> Iterator[NDArray[np.float32]]:
        """What is interpolated of every part of the file, of which a full turn of the Earth may have two."""
        from rasterio.warp import reproject

        for source in _reaches(self.grid, part):
            values = self._decoded(dataset, source)
            block = np.full((part.height, part.width), np.nan, values.dtype)
            reproject(
                values,
                block,
                src_transform=_part(self.grid, source).transform,
                src_crs=self.grid.crs or _PLANE,
                src_nodata=np.nan,
                dst_transform=part.transform,
                dst_crs=part.crs or _PLANE,
                dst_nodata=np.nan,
                resampling=Resampling[self.resampling],
            )
            yield block

    def _decoded(self, dataset: DatasetReader, window: Window) -> NDArray[np.float32]:
        index = self.layer.index
        with reading(dataset.name):
            numbers = read_north_up(dataset.read, dataset, index, window)
            valid = self._valid(dataset, window)
        return self.layer.decode(numbers, valid)

    def _valid(self, dataset: DatasetReader, window: Window) -> NDArray[np.uint8] | None:
        """0 where the file's mask or alpha band says that there is no data; nodata is compared while decoding."""
        index, alpha = self.layer.index, self.layer.alpha if isinstance(self.layer, Band) else None
        masks = [read_north_up(dataset.read_masks, dataset, index, window)] if has_mask(dataset, index) else []
        # GDAL heeds an alpha band after one or three others only, and not beside a nodata value.
        if alpha is not None:
            masks.append((read_north_up(dataset.read, dataset, alpha, window) > 0).astype(np.uint8))
        return np.minimum.reduce(masks) if masks else None


def has_mask(dataset: DatasetReader, index: int) -> bool:
    """Whether the file has a mask for all its bands, or a number of each band which together mean no data."""
    flags = dataset.mask_flag_enums[index - 1]
    return MaskFlags.per_dataset in flags and MaskFlags.alpha not in flags


def _indices(grid: Grid, target: Grid, window: Window) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Columns and rows of the grid in which the centres of the window's pixels lie."""
    places = (
        (window.col_off, window.width, target.transform.c, target.transform.a, grid.transform.c, grid.transform.a),
        (window.row_off, window.height, target.transform.f, target.transform.e, grid.transform.f, grid.transform.e),
    )
    columns, rows = (
        # A centre on an edge belongs to the next pixel, whatever the last bits of the division are.
        np.floor((origin + (start + 0.5 + np.arange(count)) * step - own_origin) / own_step + 1e-6).astype(np.int64)
        for start, count, origin, step, own_origin, own_step in places
    )
    return columns, rows


def _first_values(blocks: Iterator[NDArray[np.float32]], window: Window) -> NDArray[np.float32]:
    """Of several blocks of a window the first value that a pixel has, NaN where it has none."""
    block = next(blocks, None)
    if block is None:
        return np.full((window.height, window.width), np.nan, np.float32)
    for other in blocks:
        block = np.where(np.isnan(block), other, block)
    return block


def _cells(grid: Grid, window: Window) -> Iterator[Window]:
    """The squares of a grid, always the same, that a window touches."""
    for row in range(window.row_off // _CELL * _CELL, window.row_off + window.height, _CELL):
        for column in range(window.col_off // _CELL * _CELL, window.col_off + window.width, _CELL):
            yield Window(column, row, min(_CELL, grid.width - column), min(_CELL, grid.height - row))


def _shared(window: Window, other: Window) -> tuple[slice, slice]:
    """The rows and columns of a window that lie in another."""
    top, left = max(0, other.row_off - window.row_off), max(0, other.col_off - window.col_off)
    bottom = min(window.height, other.row_off + other.height - window.row_off)
    right = min(window.width, other.col_off + other.width - window.col_off)
    return slice(top, bottom), slice(left, right)


def _bounding(columns: NDArray[np.int64], rows: NDArray[np.int64]) -> Window:
    return Window(int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1)


def _part(grid: Grid, window: Window) -> Grid:
    """The grid of a window."""
    a, b, _, d, e, _ = grid.transform[:6]
    x, y = grid.place(window.col_off, window.row_off)
    return Grid(grid.crs, type(grid.transform)(a, b, x, d, e, y), window.width, window.height)


def _reaches(grid: Grid, part: Grid) -> Iterator[Window]:
    """The pixels of a grid that are needed to interpolate on another, one window for each turn of the Earth."""
    for left, bottom, right, top in grid.boxes(part).values():
        first, last = grid.position(left, top), grid.position(right, bottom)
        spans = (last[0] - first[0]) / part.width, (last[1] - first[1]) / part.height
        margins = [math.ceil(_KERNEL * max(1.0, span)) for span in spans]
        column, row = (max(0, math.floor(low) - margin) for low, margin in zip(first, margins, strict=True))
        end_column = min(grid.width, math.ceil(last[0]) + margins[0])
        end_row = min(grid.height, math.ceil(last[1]) + margins[1])
        if end_column > column and end_row > row:
            yield Window(column, row, end_column - column, end_row - row)
