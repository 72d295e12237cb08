"""WebP's chunks (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import IO, NamedTuple


class Chunk(NamedTuple):
    """A chunk and where its data stands in the file."""

    kind: bytes
    start: int
    size: int


def is_webp(file: IO[bytes]) -> bool:
    file.seek(0)
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def declared_size(file: IO[bytes]) -> int:
    """The bytes of the file, as its header says."""
    file.seek(4)
    return int.from_bytes(file.read(4), "little") + 8


def read_chunks(file: IO[bytes]) -> Iterator[Chunk]:
    place, end = 12, file.seek(0, 2)
    while place + 8 <= end:
        file.seek(place)
        kind, size = struct.unpack("<4sI", file.read(8))
        yield Chunk(kind, place + 8, size)
        place += 8 + size + size % 2


def data_of(file: IO[bytes], chunk: Chunk) -> bytes:
    file.seek(chunk.start)
    return file.read(chunk.size)
