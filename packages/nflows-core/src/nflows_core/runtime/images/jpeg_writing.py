"""JPEG's segments around the pixels that an encoder wrote (JFIF 1.02; EXIF 3.0; ISO 16684-3; ICC.1:2022, annex B.4)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from nflows_core.runtime.images import resolution
from nflows_core.runtime.images.about import About, state_resolution
from nflows_core.runtime.images.containers import jpeg
from nflows_core.runtime.images.containers.jpeg import MAX_SEGMENT, pack_segment, pack_split
from nflows_core.runtime.images.metadata import exif, iptc, xmp_parts
from nflows_core.runtime.images.metadata.xmp_packet import Packet, XmpError

_HEADER = 20  # the first marker, and JFIF's segment
_XMP_ROOM = MAX_SEGMENT - len(jpeg.XMP)


def add_segments(encoded: bytes, about: About) -> bytes:
    """``encoded``, which begins as JFIF does, with the colour profile, resolution and metadata of ``about``.

    What is longer than a segment is cut over several where readers put it together again: packets, profiles and
    datasets. Of EXIF the largest values go, and longer comments, and are named.
    """
    assert encoded[2:11] == b"\xff\xe0\0\x10JFIF\0"
    density = resolution.jfif(about.dots)
    if not density.is_exact:
        state_resolution(about)
    jfif = jpeg.JFIF + struct.pack(">HBHHBB", 0x0101, *density[:3], 0, 0)
    segments = [
        pack_segment(jpeg.APP0, jfif), *_exif(about), *_xmp(about), *_icc(about), *_iptc(about), *_comments(about)
    ]  # fmt: skip
    return b"".join([encoded[:2], *segments, encoded[_HEADER:]])


def _exif(about: About) -> Iterator[bytes]:
    if about.exif and len(about.exif) > MAX_SEGMENT:
        about.exif, lost = exif.fitting(about.exif, MAX_SEGMENT)
        about.lost += lost
    if about.exif:
        yield pack_segment(jpeg.APP1, about.exif)


def _xmp(about: About) -> Iterator[bytes]:
    if about.xmp is None:
        return
    if len(about.xmp) <= _XMP_ROOM:
        yield pack_segment(jpeg.APP1, jpeg.XMP + about.xmp)
        return
    try:
        parts = xmp_parts.split(Packet(about.xmp), _XMP_ROOM)
    except XmpError:
        parts = None
    if parts is None:
        about.lose("xmp")
        return
    standard, extended, name = parts
    yield pack_segment(jpeg.APP1, jpeg.XMP + standard)
    for start, part in pack_split(jpeg.XMP_EXTENSION, extended, header=40):
        header = name.encode() + struct.pack(">II", len(extended), start)
        yield pack_segment(jpeg.APP1, jpeg.XMP_EXTENSION + header + part)


def _icc(about: About) -> Iterator[bytes]:
    parts = list(pack_split(jpeg.ICC, about.icc or b"", header=2))
    if len(parts) > 255:
        about.lose("icc")
        return
    for place, (_, part) in enumerate(parts, 1):
        yield pack_segment(jpeg.APP2, jpeg.ICC + bytes([place, len(parts)]) + part)


def _iptc(about: About) -> Iterator[bytes]:
    if about.iptc:
        for _, part in pack_split(jpeg.PHOTOSHOP, iptc.as_resource(about.iptc)):
            yield pack_segment(jpeg.APP13, jpeg.PHOTOSHOP + part)


def _comments(about: About) -> Iterator[bytes]:
    for keyword, text in about.texts:
        data = text.encode("utf-8", "replace")
        if keyword == "Comment" and len(data) <= MAX_SEGMENT and data.decode() == text:
            yield pack_segment(jpeg.COM, data)
        else:
            about.lose("text" if keyword != "Comment" else "text 'Comment'")
