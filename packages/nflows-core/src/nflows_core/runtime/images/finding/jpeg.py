"""What JPEG's application segments and comments say (JFIF 1.02; EXIF 3.0; ISO 16684-3; ICC.1:2022, annex B.4)."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import IO

from nflows_core.runtime.images.containers import jpeg
from nflows_core.runtime.images.containers.jpeg import Segment
from nflows_core.runtime.images.finding.found import Found
from nflows_core.runtime.images.metadata.texts import decoded
from nflows_core.runtime.images.metadata.xmp import NOTE
from nflows_core.runtime.images.metadata.xmp_packet import Packet, XmpError
from nflows_core.runtime.images.metadata.xmp_parts import MAX_EXTENDED

_UNITS = {1: Fraction(1), 2: Fraction(254, 100)}  # inches, centimetres
_ADOBE, _ADOBE_SIZE = b"Adobe", 12  # how colours are stored


def find(file: IO[bytes]) -> Found:
    found = Found()
    parts = _Parts()
    end = 0
    for segment in jpeg.read_segments(file):
        end = segment.start + 2
        if 0xE0 <= segment.marker <= 0xEF or segment.marker == jpeg.COM:
            _take(found, parts, segment)
    parts.join(found)
    found.ends_at(end, file.seek(0, 2))
    return found


class _Parts:
    """Blocks that are cut over several segments."""

    def __init__(self) -> None:
        self.exif = bytearray()
        self.icc: dict[int, bytes] = {}
        self.photoshop = bytearray()
        self.extended: dict[bytes, dict[int, bytes]] = {}

    def join(self, found: Found) -> None:
        found.take("exif", bytes(self.exif))
        found.take("icc", b"".join(self.icc[place] for place in sorted(self.icc)))
        if self.photoshop:
            found.take_resources(bytes(self.photoshop))
        name = _pointer(found.xmp) if found.xmp else None
        found.extended = self._extended(name)
        if (name and found.extended is None) or self.extended.keys() - {(name or "").encode()}:
            found.left.append("extended xmp")

    def _extended(self, name: str | None) -> bytes | None:
        chunks = self.extended.get((name or "").encode(), {})
        data = bytearray()
        for start in sorted(chunks):
            if start != len(data):
                return None
            data += chunks[start]
        return bytes(data) or None


def _take(found: Found, parts: _Parts, segment: Segment) -> None:
    data, marker = segment.data, segment.marker
    if marker == jpeg.COM:
        found.texts.append(("Comment", decoded(data)))
    elif marker == jpeg.APP0 and data.startswith(jpeg.JFIF):
        _take_jfif(found, data)
    elif marker == jpeg.APP1 and data.startswith(jpeg.EXIF):
        _take_exif(found, parts, data[len(jpeg.EXIF) :])
    elif marker == jpeg.APP1 and data.startswith(jpeg.XMP):
        found.take("xmp", data[len(jpeg.XMP) :])
    elif marker == jpeg.APP1 and data.startswith(jpeg.XMP_EXTENSION):
        _take_extension(parts, data[len(jpeg.XMP_EXTENSION) :])
    elif marker == jpeg.APP2 and data.startswith(jpeg.ICC) and len(data) > len(jpeg.ICC) + 2:
        parts.icc.setdefault(data[len(jpeg.ICC)], data[len(jpeg.ICC) + 2 :])
    elif marker == jpeg.APP13 and data.startswith(jpeg.PHOTOSHOP):
        parts.photoshop += data[len(jpeg.PHOTOSHOP) :]
    elif marker != jpeg.APP14 or not data.startswith(_ADOBE) or len(data) > _ADOBE_SIZE:
        name = data[:20].split(b"\0", 1)[0].decode("latin-1")
        is_name = name.isascii() and name.isprintable()
        found.left.append(f"JPEG APP{marker - 0xE0} {name if is_name else ''}".strip())


def _take_jfif(found: Found, data: bytes) -> None:
    if len(data) < 14:
        return
    unit, across, down, thumbnail = data[7], *struct.unpack_from(">HH", data, 8), data[12] * data[13]
    if thumbnail:
        found.left.append("preview")
    if unit in _UNITS and across and down:
        found.dots = across * _UNITS[unit], down * _UNITS[unit]
        found.rounding = 0.5 / min(across, down)
    found.has_ratio = found.dots is None and across != down


def _take_exif(found: Found, parts: _Parts, data: bytes) -> None:
    is_new = data[:4] in (b"II*\0", b"MM\0*")
    if is_new and parts.exif:
        found.left.append("second exif")
    else:
        parts.exif += data  # a block of more than 64 kB goes on in the next segment


def _take_extension(parts: _Parts, data: bytes) -> None:
    if len(data) < 40:
        return
    name, (total, start) = data[:32], struct.unpack(">II", data[32:40])
    if total <= MAX_EXTENDED:
        parts.extended.setdefault(name, {}).setdefault(start, data[40:])


def _pointer(packet: bytes) -> str | None:
    """The name of the second part that a packet has."""
    if b"HasExtendedXMP" not in packet:
        return None
    try:
        return Packet(packet).value((NOTE, "HasExtendedXMP"))
    except XmpError:
        return None
