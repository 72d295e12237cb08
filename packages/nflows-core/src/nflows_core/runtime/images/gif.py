"""What a GIF claims, read block by block (GIF89a), since Pillow takes memory for it as it opens the file."""

from __future__ import annotations

import struct
from typing import IO

from nflows_core.runtime.images.picture import PictureError

_EXTENSION, _IMAGE = b"!", b","
# Pillow joins the blocks of a comment one by one, in a time that grows with their square.
_MAX_BLOCKS = 2**14


def is_gif(file: IO[bytes]) -> bool:
    file.seek(0)
    return file.read(6) in (b"GIF87a", b"GIF89a")


def size_and_count(file: IO[bytes]) -> tuple[int, int, int]:
    """Width, height, and how many pictures there are, counted up to two."""
    file.seek(6)
    width, height, packed = struct.unpack("<HHBxx", file.read(7))
    _skip_palette(file, packed)
    count = 0
    while count < 2 and _next_block(file) == _IMAGE:
        left, top, across, down, packed = struct.unpack("<4HB", file.read(9))
        if count == 0:
            width, height = max(width, left + across), max(height, top + down)
        count += 1
        _skip_palette(file, packed)
        file.read(1)  # the width of the first code
        _skip_blocks(file)
    return width, height, count


def _next_block(file: IO[bytes]) -> bytes:
    """The kind of the next block that is no extension."""
    blocks = 0
    while (kind := file.read(1)) == _EXTENSION:
        file.read(1)
        blocks += 1 + _skip_blocks(file)
        if blocks > _MAX_BLOCKS:
            raise PictureError("has too many comments; save it again without them")
    return kind


def _skip_palette(file: IO[bytes], packed: int) -> None:
    if packed & 0x80:
        file.read(3 * 2 ** ((packed & 7) + 1))


def _skip_blocks(file: IO[bytes]) -> int:
    """How many data blocks there were."""
    blocks = 0
    while size := file.read(1):
        if size == b"\0":
            break
        file.read(size[0])
        blocks += 1
    return blocks
