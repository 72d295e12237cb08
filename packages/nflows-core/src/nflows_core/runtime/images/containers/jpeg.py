"""JPEG's segments (ITU-T T.81, annex B), and what application segments are called."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import IO, NamedTuple

from nflows_core.runtime.images.containers.tiff import Span

MAX_SEGMENT = 65533
"""Bytes that a segment can hold."""

JFIF = b"JFIF\0"
EXIF = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
ICC = b"ICC_PROFILE\0"
PHOTOSHOP = b"Photoshop 3.0\0"

APP0, APP1, APP2, APP13, APP14, COM = 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xFE
SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)  # not a stuffed byte, a restart or a filler
_DECIDE = (APP0, APP14)  # by which decoders know how colours are stored
# Bytes read at a time: a segment ends where the next one begins, a scan after a megabyte.
_FIRST_BLOCK, _LAST_BLOCK = 1 << 6, 1 << 20


class Segment(NamedTuple):
    """A marker and what follows it, without its length; of a scan, its header.

    Arguments:
        marker: The second byte of the marker.
        start: The place of the marker.
        data: The segment's data; for `EOI`, nothing.
    """

    marker: int
    start: int
    data: bytes


def is_jpeg(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(3) == b"\xff\xd8\xff"


def read_segments(file: IO[bytes]) -> Iterator[Segment]:
    """The segments of a file up to the end of its first picture, or to where it is cut short."""
    place = 2
    while (found := _next_marker(file, place)) is not None:
        place, marker = found
        if marker == EOI:
            yield Segment(EOI, place, b"")
            return
        size = file.read(2)
        if len(size) < 2:
            return
        (length,) = struct.unpack(">H", size)
        yield Segment(marker, place, file.read(max(0, length - 2)))
        place += 2 + max(2, length)


def pixels_only(file: IO[bytes]) -> Iterator[Span]:
    """The bytes of the file without the segments that speak of its pixels, up to the end of its first picture.

    Decoders would take hours to put a thousand parts of a block together.
    """
    place, end = 0, file.seek(0, 2)
    for segment in read_segments(file):
        if segment.marker == EOI:
            end = segment.start + 2
        elif segment.marker == COM or (0xE0 <= segment.marker <= 0xEF and segment.marker not in _DECIDE):
            yield Span(place, segment.start)
            place = segment.start + 4 + len(segment.data)
    yield Span(place, end)


def pack_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def pack_split(name: bytes, data: bytes, header: int = 0) -> Iterator[tuple[int, bytes]]:
    """The parts of ``data`` that fit into one segment each, beside its name and a header, with their places."""
    room = MAX_SEGMENT - len(name) - header
    for start in range(0, len(data), room):
        yield start, data[start : start + room]


def _next_marker(file: IO[bytes], place: int) -> tuple[int, int] | None:
    """The place and the second byte of the next marker; the file then stands behind it."""
    size = _FIRST_BLOCK
    file.seek(place)
    while block := file.read(size):
        if found := _MARKER.search(block):
            file.seek(place + found.end())
            return place + found.end() - 2, found[1][0]
        if len(block) < size:
            return None
        place += len(block) - 1  # a marker may lie across the border
        file.seek(place)
        size = min(2 * size, _LAST_BLOCK)
    return None
