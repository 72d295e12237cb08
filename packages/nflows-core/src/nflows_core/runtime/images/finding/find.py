"""The way from a file to what it holds beside its pixels."""

from __future__ import annotations

from typing import IO

from nflows_core.runtime.images.containers import jpeg as jpeg_segments
from nflows_core.runtime.images.containers import png as png_chunks
from nflows_core.runtime.images.containers import riff
from nflows_core.runtime.images.finding import bmp, gif, jpeg, png, tiff, webp
from nflows_core.runtime.images.finding.found import Found


def find(file: IO[bytes]) -> Found:
    """What stands in ``file``, which may be of any of the formats that are read, or of none.

    Nothing in a file's metadata makes its pixels unreadable: what is damaged is left out and named.
    """
    for is_one, finder in (
        (png_chunks.is_png, png.find),
        (jpeg_segments.is_jpeg, jpeg.find),
        (riff.is_webp, webp.find),
        (tiff.is_tiff, tiff.find),
        (bmp.is_bmp, bmp.find),
        (gif.is_gif, gif.find),
    ):
        if is_one(file):
            found = finder(file)
            found.take_from_exif()
            return found
    return Found()
