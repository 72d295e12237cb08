"""TIFF's directories, and its samples of 16 bits, which Pillow does not have in colour (TIFF 6.0)."""

from __future__ import annotations

import math
import struct
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nflows_core.runtime.images.codecs import import_tifffile
from nflows_core.runtime.images.metadata import IFDS, Metadata, clean_exif, clean_xmp
from nflows_core.runtime.images.picture import PictureError, check_count, check_size

Directory = ImageFileDirectory_v2

XMP, IPTC, ICC = 700, 33723, 34675
_SUBFILE, _BITS, _ORIENTATION, _ACROSS, _DOWN, _UNIT = 254, 258, 274, 282, 283, 296
_UNITS = {2: 1.0, 3: 2.54}  # inches, centimetres
_BIG, _LONG = 43, 4


def is_tiff(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read_directories(file: IO[bytes]) -> list[Directory]:
    """The directories of all pages."""
    header = _header(file)
    directories: dict[int, Directory] = {}
    place = Directory(header).next
    while place and place not in directories:
        directories[place] = _read_directory(file, header, place)
        place = directories[place].next
    return list(directories.values())


def check_pages(directories: list[Directory]) -> None:
    """That one page is no smaller copy of another, and that it is the first: scanners put copies behind it."""
    full = [directory for directory in directories if not directory.get(_SUBFILE, 0) & 1]
    if full[:1] != directories[:1]:
        raise PictureError("begins with a preview, as the raw files of cameras do; develop it first")
    check_count(len(full))


def bits(directory: Directory) -> int:
    """Bits a sample, the most of any channel."""
    return int(max(directory.get(_BITS, (1,))))


def orientation(directory: Directory) -> int:
    return int(directory.get(_ORIENTATION, 1))


def dpi(directory: Directory) -> tuple[float, float]:
    """Pixels an inch, across and down, as stored; zeros where they are not known."""
    unit = _UNITS.get(directory.get(_UNIT, 2), 0.0)
    return float(directory.get(_ACROSS, 0)) * unit, float(directory.get(_DOWN, 0)) * unit


def icc(directory: Directory) -> bytes | None:
    return directory.get(ICC) or None


def metadata(file: IO[bytes], directory: Directory) -> Metadata:
    header = _header(file)
    ifds = {int(tag): _read_directory(file, header, directory[tag], tag) for tag in IFDS if tag in directory}
    first = Directory(header).next
    xmp, iptc = (_bytes(file, header, first, tag) for tag in (XMP, IPTC))
    return Metadata(clean_exif(directory, ifds), xmp and clean_xmp(xmp), iptc)


def read_deep(file: IO[bytes]) -> NDArray[np.uint16]:
    """The pixels as stored, :math:`(H, W, C)`, of the first page of a file with 16 bits a sample."""
    tifffile = import_tifffile()
    file.seek(0)
    with tifffile.TiffFile(file) as content:
        page = content.pages[0]
        check_size(page.imagewidth, page.imagelength)
        alpha = _check_page(tifffile, page)
        pixels: NDArray[np.uint16] = page.asarray()
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, 2)
        if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            pixels = np.iinfo(pixels.dtype).max - pixels
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    return _unmultiplied(pixels) if alpha == tifffile.EXTRASAMPLE.ASSOCALPHA else pixels


def _check_page(tifffile: Any, page: Any) -> Any:
    """The kind of alpha, or None."""
    if page.dtype != np.uint16 or page.bitspersample != 16:
        raise PictureError("neither 8-bit nor 16-bit pixels; convert it first")
    # tifffile would take zeros for parts that are not there.
    if len(page.dataoffsets) != math.prod(page.chunked) or 0 in page.databytecounts:
        raise PictureError("parts of its pixels are missing")
    kinds, alpha = tifffile.PHOTOMETRIC, tifffile.EXTRASAMPLE
    colours = {kinds.MINISBLACK: 1, kinds.MINISWHITE: 1, kinds.RGB: 3}.get(page.photometric)
    if colours is None:
        raise PictureError("16-bit pixels that are neither grey nor RGB; convert it first")
    if page.samplesperpixel == colours:
        return None
    if page.samplesperpixel > colours + 1 or page.extrasamples[0] not in (alpha.ASSOCALPHA, alpha.UNASSALPHA):
        raise PictureError("has channels beside its colours that are no transparency; remove them first")
    return page.extrasamples[0]


def _unmultiplied(pixels: NDArray[np.uint16]) -> NDArray[np.uint16]:
    alpha = pixels[..., -1:].astype(np.float64)
    colours = np.divide(pixels[..., :-1] * 65535.0, alpha, out=np.zeros(pixels[..., :-1].shape), where=alpha > 0)
    return np.concatenate([np.rint(colours).clip(0, 65535).astype(np.uint16), pixels[..., -1:]], axis=2)


def _header(file: IO[bytes]) -> bytes:
    file.seek(0)
    header = file.read(8)
    return header + file.read(8) if _BIG in header[2:4] else header


def _read_directory(file: IO[bytes], header: bytes, place: int, group: int | None = None) -> Directory:
    directory = Directory(header, group=group)
    file.seek(place)
    directory.load(file)
    return directory


def _bytes(file: IO[bytes], header: bytes, place: int, tag: int) -> bytes | None:
    """The bytes of a tag as they stand in the file: of IPTC's as numbers of 32 bits, Pillow gives the first."""
    order, is_big = ">" if header[:1] == b"M" else "<", _BIG in header[2:4]
    counter, entry = (struct.Struct(f"{order}{format}") for format in (("Q", "HHQ8s") if is_big else ("H", "HHI4s")))
    file.seek(place)
    (count,) = counter.unpack(file.read(counter.size))
    for _ in range(count):
        number, kind, length, value = entry.unpack(file.read(entry.size))
        if number == tag:
            size = length * (4 if kind == _LONG else 1)
            if size <= len(value):
                return value[:size] or None
            file.seek(int.from_bytes(value, "big" if order == ">" else "little"))
            return file.read(size)
    return None
