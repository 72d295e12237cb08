"""TIFF's directories (TIFF 6.0)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, Literal

from PIL import Image, ImagePalette
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from nflows_core.runtime.images.picture import PictureError, check_count

Directory = ImageFileDirectory_v2

_SUBFILE, _OLD_SUBFILE, _COLOURS, _BIG = 254, 255, 320, 43
_MAX_PAGES, _MAX_TAGS = 100, 2**16


def is_tiff(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(4) in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def is_for_pillow(file: IO[bytes]) -> bool:
    """Whether Pillow opens it: a BigTIFF only if it is little-endian."""
    return _header(file)[:4] != b"MM\0+"


def read_first(file: IO[bytes]) -> Directory:
    """The directory of the first page, checked to be the picture, and the only one."""
    header = _header(file)
    first = _directory(header).next
    _check_pages(_kinds(file, header, first))
    return _read_directory(file, header, first)


def _kinds(file: IO[bytes], header: bytes, place: int) -> Iterator[int]:
    """What the pages are, from the first on, as bits: 1 for a smaller copy, 4 for a mask (TIFF 6.0, NewSubfileType)."""
    seen: set[int] = set()
    while place and place not in seen:
        seen.add(place)
        kind, place = _kind_and_next(file, header, place)
        yield kind


def _kind_and_next(file: IO[bytes], header: bytes, place: int) -> tuple[int, int]:
    kind = old = 0
    for number, _, _, value in _entries(file, header, place):
        if number == _SUBFILE:
            kind = int.from_bytes(value[:4], _order(header))
        elif number == _OLD_SUBFILE:
            old = int.from_bytes(value[:2], _order(header))
    return kind or int(old == 2), int.from_bytes(file.read(8 if _BIG in header[2:4] else 4), _order(header))


def _check_pages(kinds: Iterator[int]) -> None:
    """That no page is another picture, and that the first is one: scanners put smaller copies behind it."""
    pictures = 0
    for page, kind in enumerate(kinds):
        if kind & 4:
            raise PictureError("has its transparency in a page of its own; make it an alpha channel first")
        pictures += not kind & 1
        if page == 0 and not pictures:
            raise PictureError("begins with a preview, as the raw files of cameras do; develop it first")
        if pictures > 1:
            break
        if page == _MAX_PAGES:
            raise PictureError(f"more than {_MAX_PAGES} smaller copies of the picture; remove them first")
    check_count(pictures)


def mend_palette(image: Image.Image, directory: Directory) -> None:
    """Takes colours of 8 bits as they are; those of 16, which TIFF has, Pillow divides by 256."""
    if image.mode in ("P", "PA") and max(colours := directory[_COLOURS]) < 256:
        image.palette = ImagePalette.raw("RGB;L", bytes(colours))


def _header(file: IO[bytes]) -> bytes:
    file.seek(0)
    header = file.read(8)
    return header + file.read(8) if _BIG in header[2:4] else header


def _directory(header: bytes, group: int | None = None) -> Directory:
    # Pillow knows BigTIFF by its little-endian header only.
    start = b"II+\0" if _BIG in header[2:4] else header[:4]
    return Directory(start + header[4:], prefix=header[:2], group=group)


def _read_directory(file: IO[bytes], header: bytes, place: int, group: int | None = None) -> Directory:
    directory = _directory(header, group)
    file.seek(place)
    directory.load(file)
    return directory


def _entries(file: IO[bytes], header: bytes, place: int) -> Iterator[tuple[int, int, int, bytes]]:
    """The tags of a directory: number, type, length and value or its place."""
    order, is_big = ">" if _order(header) == "big" else "<", _BIG in header[2:4]
    counter, entry = (struct.Struct(f"{order}{format}") for format in (("Q", "HHQ8s") if is_big else ("H", "HHI4s")))
    file.seek(place)
    (count,) = counter.unpack(file.read(counter.size))
    if count > _MAX_TAGS:
        raise PictureError(f"damaged: a directory of {count:,} tags")
    for _ in range(count):
        yield entry.unpack(file.read(entry.size))


def _order(header: bytes) -> Literal["big", "little"]:
    return "big" if header[:1] == b"M" else "little"
