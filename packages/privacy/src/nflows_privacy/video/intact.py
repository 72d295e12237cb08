"""Whether a video file is as long as it says, which the libraries that read it do not ask.

A player shows what there is of a file that was cut short; here it must be an error. The containers say how long each
part is: the boxes of MP4 and MOV (ISO/IEC 14496-12, 4.2), the elements of Matroska and WebM (RFC 9559; RFC 8794 for
EBML) and the chunks of AVI. What does not end where it says, or does not begin as such a part begins, is damaged.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
_VOID, _CRC = 0xEC, 0xBF
_LEVEL_0 = frozenset((_EBML, _SEGMENT, _VOID))
_LEVEL_1 = frozenset(
    (0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770, 0x1254C367, _CLUSTER, _VOID, _CRC)
)
_IN_CLUSTER = frozenset((0xE7, 0x5854, 0xA7, 0xAB, 0xA3, 0xA0, 0xAF, _VOID, _CRC))


def require_whole(path: Path) -> None:
    """Checks that a video file ends where its container says; of containers that say nothing, nothing is checked.

    Raises:
        ValueError: It was cut short, or is damaged between its parts; it names the byte.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        place = _broken(file, size)
    if place is not None:
        raise ValueError(
            f"{path}: cut short or damaged at byte {place} of {size}; copy it again from where it came from"
        )


def _broken(file: BinaryIO, size: int) -> int | None:
    start = file.read(12)
    if start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return _first_beyond(_boxes(file, size), size)
    if start[:4] == b"RIFF" and start[8:12] == b"AVI ":
        return _first_beyond(_chunks(file, size), size)
    if start[:4] == b"\x1a\x45\xdf\xa3":
        return _broken_element(file, 0, size, _LEVEL_0)
    return None


def _first_beyond(parts: Iterator[tuple[int, int]], size: int) -> int | None:
    return next((start for start, end in parts if not start < end <= size), None)


def _boxes(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    place = 0
    while place < size:
        file.seek(place)
        header = file.read(16)
        length = int.from_bytes(header[:4])
        if length == 1:
            length = int.from_bytes(header[8:16])
        end = size if length == 0 else place + length  # 0: up to the end of the file
        # Cameras fill the end of a file with zeros, which are no box.
        yield place, end if header[4:8].strip(b"\0") else place
        if end <= place:
            return
        place = end


def _chunks(file: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    place = 0
    while place + 8 <= size:
        file.seek(place)
        header = file.read(8)
        end = place + 8 + int.from_bytes(header[4:8], "little")
        yield place, end
        place = end + end % 2


def _broken_element(file: BinaryIO, place: int, end: int, known: frozenset[int]) -> int | None:
    """The first byte at which no known element begins or one does not end, in a part of a Matroska file."""
    while place < end:
        file.seek(place)
        found = _element(file.read(12))
        if found is None or found[0] not in known:
            return place
        name, header, length = found
        if length is None:  # of a live stream, which says nothing about its end
            return None
        inside = {_SEGMENT: _LEVEL_1, _CLUSTER: _IN_CLUSTER}.get(name)
        start, place_after = place + header, place + header + length
        if place_after > end:
            return place
        broken = _broken_element(file, start, place_after, inside) if inside else None
        if broken is not None:
            return broken
        place = place_after
    return None


def _element(data: bytes) -> tuple[int, int, int | None] | None:
    """The identifier of an element, the bytes of its header, and the length of what follows, if it says it."""
    if not data or not data[0]:
        return None
    name_bytes = 9 - data[0].bit_length()
    if name_bytes > 4 or len(data) <= name_bytes or not data[name_bytes]:
        return None
    size_bytes = 9 - data[name_bytes].bit_length()
    raw = data[name_bytes : name_bytes + size_bytes]
    ones = (1 << 7 * size_bytes) - 1
    length = int.from_bytes(raw) & ones
    return int.from_bytes(data[:name_bytes]), name_bytes + size_bytes, None if length == ones else length
