"""Rasters whose pixels are elsewhere: in other files, or on servers that a file from somebody else may choose.

The address of a server that a person gives is asked, for that file alone.

A virtual raster (GDAL's VRT) names the files that its pixels are read from. One that was downloaded may name any file
of this machine, and any server: it is read only if all that it names are rasters of its own folder. Formats that are
nothing but the address of a server are not read. A person who trusts a file sets ``NFLOWS_TRUST_VRT=1``.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import rasterio
from rasterio.errors import RasterioIOError
from rasterio.io import DatasetReader

from nflows_geo.raster.places import address

TRUST = "NFLOWS_TRUST_VRT"
_REMOTE = frozenset(
    ("DAAS", "EEDA", "EEDAI", "GTI", "HTTP", "NGW", "OGCAPI", "PLMOSAIC", "STACIT", "STACTA", "WCS", "WMS", "WMTS")
)
"""GDAL's drivers that ask servers themselves; those that ask by its file systems are stopped by `restrictions`."""

PATIENCE = {
    "GDAL_HTTP_CONNECTTIMEOUT": "30",
    "GDAL_HTTP_LOW_SPEED_LIMIT": "1000",
    "GDAL_HTTP_LOW_SPEED_TIME": "60",
    "GDAL_HTTP_MAX_RETRY": "3",
}
"""The options of GDAL under which a server that does not answer, or drips, is given up: seconds, and bytes a second."""
_MARK = b"<VRTDataset"
_HEADER_BYTES = 2**16
_MOST_BYTES = 2**26
_DEEPEST = 8
_SOURCES = ("SourceFilename", "SourceDataset")
_PLAIN = ("Metadata", "SRS", "CategoryNames", "Description", "UnitType")
"""Elements that hold words and no places."""
_ACTIVE = (
    "PixelFunctionCode",
    "PixelFunctionLanguage",
    "VerticalShiftGrids",
    "ProcessingSteps",
    "OpenOptions",
    "Group",
)
"""Elements by which a VRT runs code, or names files in other ways than by its sources."""


class ForeignSourceError(ValueError):
    """A raster that is not read, for its pixels are not in its own folder; the message says where and what to do."""


def is_trusted() -> bool:
    """Whether the person lets virtual rasters read whatever they name."""
    return os.environ.get(TRUST, "") not in ("", "0")


def restrictions() -> dict[str, str]:
    """The options of GDAL under which none of its file systems asks a server."""
    # Only files with this ending may be asked for.
    return {} if is_trusted() else {"CPL_VSIL_CURL_ALLOWED_EXTENSIONS": ".no-file-has-this-ending"}


def opened(path: Path | str) -> DatasetReader:
    """Opens a raster that `check_sources` has let pass, by none of the drivers that ask servers.

    Arguments:
        path: A file, the address of one on a server, or GDAL's name of a layer of a file.

    Raises:
        rasterio.errors.RasterioIOError: It is no raster.
    """
    place = address(path) if isinstance(path, Path) else None
    if place is None:
        name, options, left_out = str(path), {}, _REMOTE
    else:
        # Of a server, a virtual raster cannot be looked at before it is read.
        name, left_out = f"/vsicurl/{place}", _REMOTE | {"VRT"}
        options = {"CPL_VSIL_CURL_ALLOWED_FILENAME": name, "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR"}
    with rasterio.Env(**restrictions(), **PATIENCE, **options) as environment:
        return DatasetReader(name, driver=None if is_trusted() else sorted(environment.drivers().keys() - left_out))


def check_sources(path: Path) -> None:
    """Refuses a virtual raster that names anything but rasters of its own folder.

    Raises:
        ForeignSourceError: It does; or a source is missing, or virtual rasters are nested without end.
    """
    if not is_trusted():
        _check(path, 0)


def is_virtual(path: Path) -> bool:
    """Whether a file is a virtual raster, by its first bytes."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _MARK in file.read(_HEADER_BYTES)


def _check(path: Path, depth: int) -> None:
    status = path.stat()
    _check_file(path, Path.cwd(), status.st_mtime_ns, status.st_size, depth)


@lru_cache(maxsize=256)  # a raster is opened anew by every thread
def _check_file(path: Path, working: Path, changed: int, size: int, depth: int) -> None:
    if not is_virtual(path):
        return
    if size > _MOST_BYTES or depth > _DEEPEST:
        raise ForeignSourceError(f"{path} is larger, or nested deeper, than a virtual raster should be; {_advice()}")
    for source in _sources(path):
        _check(source, depth + 1)
        _check_readable(path, source)


def _sources(path: Path) -> list[Path]:
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise ForeignSourceError(f"{path} is no XML: {error}") from error
    if root.get("subClass") not in (None, "VRTWarpedDataset"):
        raise ForeignSourceError(f"{path} is a {root.get('subClass')}, which may name any place; {_advice()}")
    return list(dict.fromkeys(_place(path, element) for element in _elements(path, root) if element.tag in _SOURCES))


def _elements(path: Path, element: ElementTree.Element) -> list[ElementTree.Element]:
    """An element and those in it, but for those that hold words."""
    if element.tag in _PLAIN:
        return []
    if element.tag in _ACTIVE:
        raise ForeignSourceError(f"{path} has a {element.tag}, which may do anything; {_advice()}")
    for text in (element.text or "", *element.attrib.values()):
        if "/vsi" in text:
            raise ForeignSourceError(f"{path} names {text.strip()[:200]}; {_advice()}")
    return [element, *(inner for child in element for inner in _elements(path, child))]


def _place(path: Path, element: ElementTree.Element) -> Path:
    """The file that a source names, in the folder of the VRT."""
    name = (element.text or "").strip()
    base = path.parent if element.get("relativeToVRT") == "1" else Path()
    folder, source = os.path.realpath(path.parent), Path(os.path.realpath(base / name))
    if not source.is_relative_to(folder):
        raise ForeignSourceError(f"{path} names {name[:200]}, which is not in its folder; {_advice()}")
    if not source.is_file():
        raise ForeignSourceError(f"{path} names {name[:200]}, which is no file in its folder; {_advice()}")
    return source


def _check_readable(path: Path, source: Path) -> None:
    try:
        opened(source).close()
    except RasterioIOError as error:
        raise ForeignSourceError(f"{path} names {source.name}, which is no raster that can be read") from error


def _advice() -> str:
    return f"if you trust it, set {TRUST}=1"
