"""The numbers of a raster as they stand in its files, in a few stretches of pixels and as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.windows import Window

from nflows_geo.raster import Grid, OpenRasters, finest
from nflows_geo.scene.bands import Band
from nflows_geo.scene.layers import Placed

_LENGTH = 32
_PLACES = 5
"""The edge is looked at in stretches of so many pixels, at so many places of each side."""
_SIZE = 1024
"""The side of the tiles in which a whole band is looked at."""


@dataclass(frozen=True)
class Stretches:
    """Numbers of all bands as they stand in the files, NaN for what the files call no data.

    Arguments:
        edge: Stretches along the edge, each (B, n).
        inner: Stretches within, each (B, n).
    """

    edge: Sequence[NDArray[np.float64]]
    inner: Sequence[NDArray[np.float64]]

    @property
    def all(self) -> NDArray[np.float64]:
        """All that was looked at, (B, N)."""
        return np.concatenate([*self.edge, *self.inner], axis=1)


@dataclass(frozen=True)
class _Numbers(Band):
    """A band whose values are its numbers: as float32 some that differ would be the same."""

    def decode(self, numbers: NDArray[Any], valid: NDArray[np.uint8] | None) -> NDArray[Any]:
        """The numbers in float64, NaN where there is no data."""
        values = numbers.astype(np.float64)
        self.blank(values, numbers, valid)
        return values


def stretches_of(bands: Sequence[Placed]) -> Stretches:
    """A few stretches of pixels along the edge of the finest grid of bands, and along its diagonal."""
    grid, placed = finest([one.grid for one in bands]), [_as_numbers(one) for one in bands]
    with OpenRasters() as files:
        edge, inner = (
            [np.stack([_read(one, files, grid, window).ravel() for one in placed]) for window in windows]
            for windows in (_along_the_edge(grid), _within(grid))
        )
    return Stretches(edge, inner)


def numbers_of(band: Placed, grid: Grid) -> Iterator[NDArray[np.float64]]:
    """All numbers of a band, block by block."""
    placed = _as_numbers(band)
    with OpenRasters() as files:
        for tile in grid.tiles(_SIZE):
            yield _read(placed, files, grid, tile.core)


def _read(placed: Placed, files: OpenRasters, grid: Grid, window: Window) -> NDArray[np.float64]:
    return placed.read(files.dataset(placed.layer.path), grid, window).astype(np.float64, copy=False)


def _as_numbers(placed: Placed) -> Placed:
    band = placed.layer
    told = {field.name: getattr(band, field.name) for field in fields(Band)}
    return Placed(_Numbers(**(told | {"scale": 1.0, "offset": 0.0})), placed.grid)


def _along_the_edge(grid: Grid) -> list[Window]:
    width, height = min(_LENGTH, grid.width), min(_LENGTH, grid.height)
    columns, rows = _starts(grid.width - width, _PLACES), _starts(grid.height - height, _PLACES)
    sides = [Window(column, row, width, 1) for column in columns for row in sorted({0, grid.height - 1})]
    return sides + [Window(column, row, 1, height) for row in rows for column in sorted({0, grid.width - 1})]


def _within(grid: Grid) -> list[Window]:
    """Stretches along the diagonal: what is constant in these and along the edge is looked at as a whole."""
    width = min(_LENGTH, grid.width)
    columns, rows = _starts(grid.width - width, _PLACES), _starts(grid.height - 1, _PLACES)
    return [Window(column, row, width, 1) for column, row in zip(columns, rows, strict=False)]


def _starts(last: int, count: int) -> list[int]:
    return sorted({int(start) for start in np.linspace(0, last, count)})
