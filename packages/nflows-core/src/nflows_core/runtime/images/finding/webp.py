"""What WebP's chunks say (RFC 9649, section 2.7)."""

from __future__ import annotations

from typing import IO

from nflows_core.runtime.images.containers import riff
from nflows_core.runtime.images.finding.found import Found

_PIXELS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF")
_BLOCKS = {b"EXIF": "exif", b"XMP ": "xmp", b"ICCP": "icc"}


def find(file: IO[bytes]) -> Found:
    found = Found()
    size = riff.declared_size(file)
    for chunk in riff.read_chunks(file):
        if chunk.start >= size:
            break
        if chunk.kind in _BLOCKS:
            found.take(_BLOCKS[chunk.kind], riff.data_of(file, chunk))
        elif chunk.kind not in _PIXELS:
            found.left.append(f"WebP chunk {chunk.kind.decode('ascii', 'backslashreplace').strip()}")
    found.ends_at(size, file.seek(0, 2))
    return found
