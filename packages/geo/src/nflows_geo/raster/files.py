"""Raster files, opened with errors that say what to do."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import rasterio
from rasterio.errors import NotGeoreferencedWarning, RasterioError, RasterioIOError
from rasterio.io import DatasetReader

from nflows_geo.raster.archives import only_raster
from nflows_geo.raster.containers import open_layer
from nflows_geo.raster.names import require_unicode
from nflows_geo.raster.places import address, archive_of, file_of, no_answer, require_answer, resolved, split
from nflows_geo.raster.sources import PATIENCE, ForeignSourceError, check_sources, is_virtual, opened, restrictions

_CACHE_BYTES = 192 * 2**20
"""The decoded blocks that GDAL keeps; without a limit, a twentieth of the machine's memory. Enough for two tiles side
by side to share their blocks, and part of the peak that ``benchmarks/bench_map.py`` measures."""


_MARKS = {"HDF4": b"\x0e\x03\x13\x01", "HDF5": b"\x89HDF\r\n\x1a\n", "netCDF": b"CDF"}
"""How files of those of GDAL's drivers begin that many installations lack."""
_SERVER = "/vsicurl/"
_NO_RASTER = "{} is no raster that can be read; give a GeoTIFF or the like"


class RasterError(ValueError):
    """A file is no raster, or is damaged."""


def open_raster(path: Path) -> DatasetReader:
    """Opens a raster for reading.

    Arguments:
        path: A file, a layer of one, what is in an archive, or an address; see `nflows_geo.raster.places`.

    Raises:
        FileNotFoundError: There is no such file.
        RasterError: It is no raster.
        NameOfFileError: Its name is no UTF-8.
        ArchiveError: It is an archive that does not hold one raster.
        LayerError: It holds several rasters, and none is named.
        ForeignSourceError: Its pixels are elsewhere; see `check_sources`.
        OSError: It may not be read, or the server does not answer.
    """
    place, archive = resolved(path), archive_of(path)
    if archive is not None and place.is_dir():
        place = only_raster(place, archive)
    server = address(place)
    file, layer = (place, "") if server else split(place)
    if not server:
        _require_content(file, path)
        require_unicode(file)
        check_sources(file)
    try:
        with rasterio.Env(), quiet():  # in an environment of rasterio's, GDAL's own warnings are logged, not printed
            return open_layer(file, layer)
    except RasterioIOError as error:
        if server:
            require_answer(server)  # of one that does not answer GDAL says only that there is no such file
            raise RasterError(_NO_RASTER.format(server)) from error
        raise RasterError(_unreadable(file, path)) from error


def _require_content(file: Path, path: Path) -> None:
    """Refuses what no library should be asked to read."""
    if file.is_dir():
        raise RasterError(f"{path} is a folder, where a raster is needed; give the file in it")
    if not file.is_file():
        raise RasterError(f"{path} is a device or a pipe, and no raster")
    if not file.stat().st_size:
        raise RasterError(f"{path} is empty; copy or download it again")
    file.open("rb").close()  # what may not be read is told by the system


def _unreadable(file: Path, path: Path) -> str:
    """Why a file is no raster that can be read, and what to do."""
    with file.open("rb") as source:
        beginning = source.read(8)
    with rasterio.Env() as environment:
        drivers = environment.drivers()
    for name, mark in _MARKS.items():
        if beginning.startswith(mark) and name not in drivers:
            return (
                f"{path} is {name}, which this installation's GDAL cannot read; convert it with another one:\n"
                f"gdal_translate -sds {file.name} {file.stem}.tif"
            )
    if raster := _raster_beside(file):
        return f"{path} is no raster itself; give {raster.name}, which lies beside it"
    return _NO_RASTER.format(path)


def _raster_beside(file: Path) -> Path | None:
    """The raster that a header, a world file or the like describes: the one with its name and another ending."""
    stems = (file.stem, Path(file.stem).stem)  # of a.hdr, a.dat.hdr and a.dat.aux.xml
    named = [path for path in sorted(file.parent.iterdir()) if path != file and path.is_file()]
    return next((path for path in named if {path.name, path.stem} & {*stems} and _is_raster(path)), None)


def _is_raster(path: Path) -> bool:
    try:
        check_sources(path)
        with quiet(), opened(path):
            return True
    except (RasterioIOError, ForeignSourceError, OSError, UnicodeError):
        return False


def files_of(path: Path) -> list[Path]:
    """Every file that the pixels at a path are read from: its own, those beside it, and what a virtual raster names.

    Raises:
        OSError: See `open_raster`.
        ValueError: See `open_raster`.
    """
    read: dict[Path, None] = {}
    wanted = [path]
    while wanted:
        path = wanted.pop()
        read[file_of(path)] = None
        # GDAL names what a virtual raster names, but not what virtual rasters in it do.
        with open_raster(path) as dataset:
            files = [Path(name) for name in dataset.files]
        wanted += [file for file in files if file not in read and is_virtual(file)]
        read |= dict.fromkeys(files)
    return list(read)


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
        raise _damaged(str(path), f"{error.__cause__ or error}") from error


def _damaged(name: str, said: str) -> Exception:
    """The error for a raster that could be opened, but not be read, by what GDAL said of it."""
    if name.startswith(_SERVER):
        return no_answer(name.removeprefix(_SERVER))
    if codec := re.search(r"missing codec of code (\d+)|[Cc]ompression scheme (\d+)", said):
        return RasterError(
            f"{name} is packed in a way that this GDAL cannot unpack (TIFF compression {codec[1] or codec[2]});\n"
            "convert it with another one: gdal_translate -co COMPRESS=DEFLATE"
        )
    return RasterError(f"{name} is damaged or cut off; copy or download it again")


@contextmanager
def bounded_memory() -> Iterator[None]:
    """Keeps GDAL from filling the machine's memory with blocks that it has read or will write, and from servers."""
    with rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, **restrictions(), **PATIENCE):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Without rasterio's warning about rasters that lie nowhere: `Grid.crs_name` says so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield
