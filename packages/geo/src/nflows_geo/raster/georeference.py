"""What a file says of where its pixels lie, and its lines from the north to the south."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from affine import Affine
from numpy.typing import NDArray
from rasterio.crs import CRS
from rasterio.io import DatasetReader
from rasterio.windows import Window

from nflows_geo.raster.grid import Grid

_PIXELS = Affine(1, 0, 0, 0, -1, 0)


def grid_of(dataset: DatasetReader, assumed: CRS | None = None) -> Grid:
    """The grid of an open raster, north up; see `read_north_up`.

    A raster that lies nowhere, as a photograph, has no CRS, and coordinates that count its pixels: the column, and
    downwards from 0 the row.

    Arguments:
        dataset: The raster.
        assumed: The CRS of a raster that has none.

    Raises:
        ValueError: It is rotated, reaches beyond a pole, or only control points say where it lies.
    """
    if lies_nowhere(dataset):
        if dataset.gcps[0] or dataset.rpcs:
            raise ValueError(
                f"{dataset.name} is not georeferenced: no pixel size, no origin; warp it by its control points"
            )
        return Grid(None, _PIXELS, dataset.width, dataset.height)
    try:
        grid = Grid(dataset.crs or assumed, _north_up(dataset), dataset.width, dataset.height)
        _refuse_beyond_the_poles(grid)
    except ValueError as error:
        raise ValueError(f"{dataset.name}: {error}") from error
    return grid


def _refuse_beyond_the_poles(grid: Grid) -> None:
    if grid.crs is None or not grid.crs.is_geographic:
        return
    quarter = math.pi / 2 / grid.crs.units_factor[1]
    _, bottom, _, top = grid.bounds
    if max(top, -bottom) > quarter + grid.resolution[1]:
        raise ValueError(f"its latitudes reach from {bottom:g} to {top:g}, beyond a pole; check its transform")


def lies_nowhere(dataset: DatasetReader) -> bool:
    """Whether a raster has neither a pixel size nor an origin."""
    return bool(dataset.transform.is_identity)


def _is_south_up(dataset: DatasetReader) -> bool:
    return dataset.transform.e > 0 and not lies_nowhere(dataset)


def _north_up(dataset: DatasetReader) -> Affine:
    transform: Affine = dataset.transform
    return transform @ Affine(1, 0, 0, 0, -1, dataset.height) if _is_south_up(dataset) else transform


def read_north_up(
    read: Callable[..., NDArray[Any]], dataset: DatasetReader, index: int, window: Window
) -> NDArray[Any]:
    """A window of a raster's `grid_of`, whose lines the file may hold from the south to the north.

    Arguments:
        read: ``dataset.read`` or ``dataset.read_masks``.
        dataset: The raster.
        index: The layer, from 1.
        window: The pixels.

    Returns:
        :math:`(H, W)`, the northernmost line first.
    """
    if not _is_south_up(dataset):
        return read(index, window=window)
    first = dataset.height - window.row_off - window.height
    return read(index, window=Window(window.col_off, first, window.width, window.height))[::-1]
