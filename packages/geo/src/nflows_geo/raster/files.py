"""Raster files, opened with errors that say what to do."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

_CACHE_BYTES = 256 * 2**20
"""Of decoded blocks that GDAL keeps. Without it, that is a twentieth of the memory there is."""


class RasterError(ValueError):
    """A file is no raster, or is damaged."""


def open_raster(path: Path) -> DatasetReader:
    """Opens a raster for reading.

    Raises:
        FileNotFoundError: There is no such file.
        RasterError: It is no raster.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        with _quiet():
            return rasterio.open(path)
    except RasterioIOError as error:
        advice = (
            "HDF must be converted to GeoTIFF first" if path.suffix.lower() == ".hdf" else "give a GeoTIFF or the like"
        )
        raise RasterError(f"{path} is no raster that can be read; {advice}") from error


@contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Names the file if what is read from it turns out to be damaged."""
    try:
        with bounded_memory():
            yield
    except RasterioError as error:
        raise RasterError(
            f"{path} is damaged or cut off: {error.__cause__ or error}; copy or download it again"
        ) from error


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Keeps GDAL from filling the machine's memory with blocks that it has read or will write."""
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES):
        yield


@contextmanager
def _quiet() -> Iterator[None]:
    """Without rasterio's warning about rasters that lie nowhere: `grid_of` refuses them, with advice."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
