"""Classes of pixels from a raster, whatever their numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.io import DatasetReader

from nflows_geo.raster import (
    Grid,
    GridMismatchError,
    assumed_datum,
    grid_of,
    is_reachable,
    lies_nowhere,
    open_raster,
)
from nflows_geo.scene import Band, Placed

_STRIP = 1024
_MOST_CODES = 65_536


@dataclass(frozen=True)
class _Codes(Band):
    """A band of codes, whose values are their places in a list: as float32 they would merge from 16,777,216 on.

    Arguments:
        known: The codes that were met so far.
        zeros: Pixels of 0 that the file does not say to be no data.
    """

    known: dict[int, int] = field(default_factory=dict, compare=False)
    zeros: list[int] = field(default_factory=list, compare=False)

    def decode(self, numbers: NDArray[Any], valid: NDArray[np.uint8] | None) -> NDArray[np.float32]:
        """The place of each code, NaN where there is no label."""
        labelled = (numbers != 0) & ~np.isnan(numbers)
        for special in self.invalid:
            labelled &= numbers != special
        if valid is not None:
            labelled &= valid > 0
        if 0 not in self.invalid:
            self.zeros.append(int((numbers == 0).sum()))
        codes, places = np.unique(numbers[labelled], return_inverse=True)
        _check_whole(self.path, codes)
        own = np.array([self.known.setdefault(int(code.real), len(self.known)) for code in codes], np.float32)
        if len(self.known) > _MOST_CODES:
            raise ValueError(f"{self.path} has more than {_MOST_CODES:,} classes; give classes, not measurements")
        values = np.full(numbers.shape, np.nan, np.float32)
        values[labelled] = own[places]
        return values


def _check_whole(path: Path, codes: NDArray[Any]) -> None:
    if codes.dtype.kind in "iu":
        return
    fractions = codes[~(np.isfinite(codes) & (codes == np.rint(codes)) & (codes.imag == 0))]
    if len(fractions):
        raise ValueError(f"{path} has the label {fractions[0]:g}, no whole number; give classes, not measurements")


@dataclass(frozen=True)
class CodedPixels:
    """The labelled pixels of a raster.

    Arguments:
        rows: (N,).
        columns: (N,).
        places: Where the code of each stands in ``codes``, (N,).
        codes: All codes of the file.
        notes: What was assumed, in words.
    """

    rows: NDArray[np.int32]
    columns: NDArray[np.int32]
    places: NDArray[np.int32]
    codes: Sequence[int]
    notes: tuple[str, ...]


def read_codes(path: Path, grid: Grid, align: bool, assume_crs: bool) -> CodedPixels:
    """The labelled pixels of a raster on a grid.

    Raises:
        GridMismatchError: It does not lie on the grid.
        ValueError: It has several bands, numbers that are no codes, or no CRS.
    """
    with open_raster(path) as dataset:
        bands = [interpretation for interpretation in dataset.colorinterp if interpretation != ColorInterp.alpha]
        if len(bands) != 1:
            raise ValueError(f"{path} has {len(bands)} bands; labels are one band of classes, not a picture of a map")
        own, notes = _grid(path, dataset, grid, assume_crs)
        reached = align and is_reachable(own.crs, grid.crs) and own.overlaps(grid)
        if not (reached or own.same_as(grid)):
            raise GridMismatchError(path.name, own, "the scene", grid)
        nodata = dataset.nodatavals[0]
        codes = _Codes(path.stem, path, invalid=() if nodata is None else (nodata,))
        placed = Placed(codes, own)
        parts = [
            _labelled(placed.read(dataset, grid, tile.core), tile.core.row_off, tile.core.col_off)
            for tile in grid.tiles(_STRIP)
        ]
    rows, columns, places = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if sum(codes.zeros):
        declared = "and the file says no nodata" if nodata is None else f"though the file's nodata is {nodata:g}"
        notes = (*notes, f"0 is taken for unlabelled, {declared}; if it is a class, count classes from 1")
    return CodedPixels(rows, columns, places, list(codes.known), notes)


def _grid(path: Path, dataset: DatasetReader, grid: Grid, assume_crs: bool) -> tuple[Grid, tuple[str, ...]]:
    """The grid of a label raster; one of the scene's size that lies nowhere else lies on the scene."""
    own, nowhere = grid_of(dataset, grid.crs if assume_crs else None), lies_nowhere(dataset)
    fits = (own.width, own.height) == (grid.width, grid.height)
    if (nowhere and own.same_as(grid)) or own.crs is not None or (grid.crs is None and not nowhere):
        datum = assumed_datum(own.crs, grid.crs)
        return own, (f"a datum that is not said is taken to be {datum}",) if datum else ()
    if fits and (nowhere or Grid(grid.crs, own.transform, own.width, own.height).same_as(grid)):
        return grid, (f"the file has no CRS; its {own.width} x {own.height} pixels are taken to be those of the scene",)
    if nowhere:
        wrong = f"has {own.width} x {own.height} pixels that lie nowhere, and the scene {grid.width} x {grid.height}"
        raise ValueError(f"{path} {wrong}; give it a CRS and a transform")
    raise ValueError(f"{path} has no CRS; assign one (rio edit-info --crs), or `assume_crs` takes that of the scene")


def _labelled(
    block: NDArray[np.float32], row: int, column: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    rows, columns = np.nonzero(~np.isnan(block))
    return (rows + row).astype(np.int32), (columns + column).astype(np.int32), block[rows, columns].astype(np.int32)
