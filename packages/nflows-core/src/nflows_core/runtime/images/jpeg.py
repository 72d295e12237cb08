"""What a JPEG claims (ITU-T T.81, annex B): its size, and its scans, which for a few bytes go over all pixels each."""

from __future__ import annotations

import re
from typing import IO

from nflows_core.runtime.images.picture import PictureError

_SCAN, _END = b"\xda", b"\xd9"
_FRAMES = {bytes([marker]) for marker in range(0xC0, 0xD0)} - {b"\xc4", b"\xc8", b"\xcc"}
# Stuffed zeros, restarts and fill bytes stand inside of the pixels.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)
# Encoders make 6 to 20 scans. More are decoded where they take no longer than twenty of the largest picture of a phone.
_SCANS, _MOST_WORK = 20, 2**32


def check_scans(file: IO[bytes], width: int, height: int) -> None:
    """Refuses a file whose scans would take minutes."""
    allowed = max(_SCANS, _MOST_WORK // (width * height))
    if _scans(file, allowed) > allowed:
        raise PictureError(f"damaged: more than {allowed} scans of {width} x {height} pixels")


def size(file: IO[bytes]) -> tuple[int, int]:
    """Width and height, as the header of the frame says (section B.2.2)."""
    file.seek(2)
    while (marker := _next_marker(file)) not in (_END, b""):
        segment = file.read(max(0, int.from_bytes(file.read(2), "big") - 2))
        if marker in _FRAMES:
            return int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
    raise PictureError("damaged: a JPEG without a picture")


def _scans(file: IO[bytes], most: int) -> int:
    """The number of scans, counted until there are more than ``most``."""
    count = 0
    file.seek(2)
    while count <= most and (marker := _next_marker(file)) not in (_END, b""):
        count += marker == _SCAN
        size = int.from_bytes(file.read(2), "big")
        file.seek(max(0, size - 2), 1)  # previews in segments have scans of their own
    return count


def _next_marker(file: IO[bytes]) -> bytes:
    """The next marker's second byte, behind which the file then stands, or nothing at its end."""
    size = 2**8
    while len(chunk := file.read(size)) > 1:
        if found := _MARKER.search(chunk):
            file.seek(found.end() - len(chunk), 1)
            return found[0][1:]
        file.seek(-1, 1)  # the first half of a marker may stand there
        size = min(4 * size, 2**20)
    return b""
