"""What a file may claim before anything of it is decoded: a few bytes can declare any number of pixels."""

from __future__ import annotations

import os

from nflows_core.runtime.images.picture import PictureError

MAX_PIXELS = 2**28
"""No more are decoded unless a call or ``NFLOWS_MAX_PIXELS`` says so: 268 million, the most that a WebP holds.

All that cameras take at once is below; of the picture libraries, sharp has the same limit, Pillow refuses above two
thirds of it, OpenCV above four times as many, and libvips at none.
"""

_VARIABLE = "NFLOWS_MAX_PIXELS"
# The most that a byte can stand for: a code of Deflate (RFC 1951) takes two bits and gives at most 258 bytes; one of
# GIF's LZW takes 12 bits and gives at most 4096 pixels; a pair of bytes of BMP's run lengths gives at most 255.
_DEFLATE, _LZW, _RUNS = 1032, 4096 * 8 // 12, 128
_MOST_BYTES, _MOST_METADATA = 16, 2**28  # for a pixel, and for all the rest
_SMALL = 4096  # bytes for the rest, which need no care


def pixel_limit(max_pixels: int | None = None) -> int:
    """The most pixels to decode: ``max_pixels``, or what the environment says, or `MAX_PIXELS`.

    Raises:
        ValueError: It is no positive number.
    """
    value = os.environ.get(_VARIABLE, "") if max_pixels is None else str(max_pixels)
    if not value:
        return MAX_PIXELS
    if not value.isdecimal() or not int(value):
        name = _VARIABLE if max_pixels is None else "max_pixels"
        raise ValueError(f"{name}: expected a number of pixels, such as 400000000, got {value!r}")
    return int(value)


def check_size(width: int, height: int, limit: int) -> None:
    if width * height > limit:
        raise PictureError(
            f"{width} x {height} pixels are more than {limit:,}; if it is no attack and memory allows,"
            f" set {_VARIABLE}={width * height}"
        )


def check_density(kind: str, width: int, height: int, bits: int, size: int) -> None:
    """Refuses more pixels, of so many ``bits``, than a file of ``size`` bytes can hold by the packing of its format."""
    most = {"PNG": size * _DEFLATE * 8 // max(bits, 1), "GIF": size * _LZW, "BMP": size * _RUNS}.get(kind)
    if most is not None and width * height > most + _SMALL:
        raise PictureError(f"damaged: {size:,} bytes of {kind} cannot hold {width} x {height} pixels")


def check_bytes(width: int, height: int, size: int) -> None:
    """Refuses to take a whole file into memory that is much larger than its pixels and a lot of metadata."""
    if size > _MOST_METADATA + _MOST_BYTES * width * height:
        raise PictureError(f"damaged: {size:,} bytes are too many for {width} x {height} pixels")
