"""PNG's chunks (W3C PNG, third edition, section 5)."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_INFLATED = 1 << 26
"""Bytes that the compressed profile, or all compressed texts, may become: of one megabyte can come a gigabyte."""

PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"acTL", b"fcTL", b"fdAT", b"IDAT", b"IEND")
"""What decides the pixels of a still or moving picture; everything else speaks of them."""


class Chunk(NamedTuple):
    """A chunk and where its data stands in the file."""

    kind: bytes
    start: int
    size: int


def is_png(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(8) == SIGNATURE


def read_chunks(file: IO[bytes]) -> Iterator[Chunk]:
    """The chunks of a file up to its end chunk, or to where it is cut short."""
    place = len(SIGNATURE)
    end = file.seek(0, 2)
    kind = b""
    while kind != b"IEND" and place + 12 <= end:
        file.seek(place)
        size, kind = struct.unpack(">I4s", file.read(8))
        yield Chunk(kind, place + 8, size)
        place += 12 + size


def data_of(file: IO[bytes], chunk: Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(chunk.size)


def pixels_only(file: IO[bytes]) -> io.BytesIO:
    """The file without what speaks of its pixels, for decoders that would choke on it.

    Bytes follow each other as they stand: chunks that are cut short, or whose checksums are wrong, stay so.
    """
    pixels = io.BytesIO()
    pixels.write(SIGNATURE)
    for chunk in read_chunks(file):
        if chunk.kind in PIXELS:
            file.seek(chunk.start - 8)
            pixels.write(file.read(chunk.size + 12))
    return pixels


def pack_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def inflated(data: bytes, room: int = MAX_INFLATED) -> bytes | None:
    """What ``data`` was before it was compressed; None if it is damaged or more than ``room`` bytes."""
    decompressor = zlib.decompressobj()
    try:
        content = decompressor.decompress(data, max(1, room))
    except zlib.error:
        return None
    return content if decompressor.eof else None
