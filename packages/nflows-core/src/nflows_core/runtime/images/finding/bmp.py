"""BMP's colours and resolution (Windows GDI: BITMAPINFOHEADER, BITMAPV4HEADER, BITMAPV5HEADER)."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import IO

from nflows_core.runtime.images.colour import descriptions
from nflows_core.runtime.images.colour.matrix import BT709, SRGB, Described
from nflows_core.runtime.images.finding.found import Found

_FILE_HEADER = 14
_INCH = Fraction(254, 10_000)


def is_bmp(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(2) == b"BM"


def find(file: IO[bytes]) -> Found:
    found = Found()
    file.seek(2)
    whole, size = struct.unpack("<I8xI", file.read(16).ljust(16, b"\0"))
    if whole:
        found.ends_at(whole, file.seek(0, 2))
    file.seek(_FILE_HEADER)
    header = file.read(min(size, 124))
    if len(header) >= 40:
        across, down = struct.unpack_from("<ii", header, 24)
        if across > 0 and down > 0:
            found.dots, found.rounding = (across * _INCH, down * _INCH), 0.5 / min(across, down)
    if len(header) >= 108:
        _take_colours(file, found, header)
    return found


def _take_colours(file: IO[bytes], found: Found, header: bytes) -> None:
    kind = header[56:60][::-1]  # four letters, as a number
    colours = Described("sRGB", BT709, (SRGB,)) if kind == b"sRGB" else descriptions.of_bmp(header)
    if colours:
        found.described = [colours]
    if kind == b"MBED" and len(header) >= 120:
        start, size = struct.unpack_from("<II", header, 112)
        file.seek(_FILE_HEADER + start)
        found.take("icc", file.read(min(size, 1 << 24)))
    elif kind == b"LINK":
        found.left.append("linked icc")
