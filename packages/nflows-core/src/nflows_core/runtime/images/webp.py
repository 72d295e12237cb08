"""WebP (RFC 9649): the size that it claims, and its pixels, for which Pillow takes more than twice the memory."""

from __future__ import annotations

import struct
from typing import IO

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images.codecs import import_imagecodecs
from nflows_core.runtime.images.picture import PictureError


def is_webp(file: IO[bytes]) -> bool:
    file.seek(0)
    head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def size(file: IO[bytes]) -> tuple[int, int]:
    """Width and height, as the first chunk says (section 2.5 to 2.7)."""
    file.seek(12)
    kind, head = file.read(4), file.read(14)[4:]
    if kind == b"VP8X" and len(head) == 10:
        return int.from_bytes(head[4:7], "little") + 1, int.from_bytes(head[7:10], "little") + 1
    if kind == b"VP8L" and len(head) >= 5:
        packed = int.from_bytes(head[1:5], "little")
        return packed % 2**14 + 1, (packed >> 14) % 2**14 + 1
    if kind == b"VP8 " and len(head) == 10:
        width, height = struct.unpack("<HH", head[6:10])
        return width % 2**14, height % 2**14
    raise PictureError("damaged: a WebP without a picture")


def length(file: IO[bytes]) -> int:
    """The bytes of the whole, as the header says; more may follow."""
    file.seek(4)
    return int.from_bytes(file.read(4), "little") + 8


def read(file: IO[bytes]) -> NDArray[np.uint8]:
    """The pixels, :math:`(H, W, C)`, of a still picture."""
    codecs, end = import_imagecodecs(), length(file)
    file.seek(0)
    pixels: NDArray[np.uint8] = codecs.webp_decode(file.read(end))
    return pixels
