"""Raster files, opened with errors that say what to do."""

from __future__ import annotations

import errno
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from nflows_geo.raster.sources import check_sources, opened, restrictions

_CACHE_BYTES = 256 * 2**20
"""The decoded blocks that GDAL keeps; without a limit, a twentieth of the machine's memory. They are part of the peak
that ``benchmarks/bench_map.py`` measures."""


class RasterError(ValueError):
    """A file is no raster, or is damaged."""


def open_raster(path: Path) -> DatasetReader:
    """Opens a raster for reading.

    Raises:
        FileNotFoundError: There is no such file.
        RasterError: It is no raster.
        ForeignSourceError: Its pixels are elsewhere; see `check_sources`.
    """
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        check_sources(path)
        with quiet():
            return opened(path)
    except RasterioIOError as error:
        advice = (
            "HDF must be converted to GeoTIFF first" if path.suffix.lower() == ".hdf" else "give a GeoTIFF or the like"
        )
        raise RasterError(f"{path} is no raster that can be read; {advice}") from error


class OpenRasters:
    """Rasters that several threads read, open until the block ends.

    GDAL's handles must not be shared by threads, nor be opened anew for every window, since what was decoded goes with
    them: each thread has its own. Sent to another process, there are none yet; those that are opened there are closed
    when they are no longer used.

    The block may end when no thread reads any more.
    """

    def __init__(self) -> None:
        self._of_thread = threading.local()
        self._all: list[DatasetReader] = []

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for dataset in self._all:
            dataset.close()
        self._all.clear()
        self._of_thread = threading.local()

    def dataset(self, path: Path) -> DatasetReader:
        """This thread's handle of a raster; see `open_raster`."""
        own: dict[str, DatasetReader] = self._of_thread.__dict__
        if str(path) not in own:
            own[str(path)] = open_raster(path)
            self._all.append(own[str(path)])
        return own[str(path)]


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
    """Keeps GDAL from filling the machine's memory with blocks that it has read or will write, and from servers."""
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, **restrictions()):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Without rasterio's warning about rasters that lie nowhere: `Grid.crs_name` says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
