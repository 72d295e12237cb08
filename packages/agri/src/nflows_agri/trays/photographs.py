"""Photographs of whatever file as sRGB of eight bits, in which seeds are looked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nflows_agri.trays.colours import Pixels
from nflows_core.runtime.images import Picture, read_picture
from nflows_core.runtime.pictures.thumbnails import on_screen

_STRIP = 2**21


def read_photograph(path: str | Path) -> Pixels:
    """A photograph, upright, in sRGB, :math:`(H, W, 3)`: grey becomes RGB, 16 bits become 8, profiles are applied.

    What is transparent becomes white or black, whichever is farther from what is not.

    Raises:
        PictureError: The file is no picture, damaged or too large.
        OSError: It cannot be read.
    """
    return in_srgb(read_picture(path))


def in_srgb(picture: Picture) -> Pixels:
    """The same of a picture in memory."""
    if picture.channels == 3 and picture.bits == 8 and picture.icc is None:
        return np.asarray(picture.pixels, np.uint8)
    colours = picture.pixels[..., :-1] if picture.has_alpha else picture.pixels
    height, width = colours.shape[:2]
    rows = max(1, _STRIP // width)
    most = np.iinfo(colours.dtype).max
    pixels = np.empty((height, width, 3), np.uint8)
    for top in range(0, height, rows):
        strip = np.divide(colours[top : top + rows], most, dtype=np.float32)
        pixels[top : top + rows] = on_screen(strip, picture.icc)
    if not picture.has_alpha:
        return pixels
    return _on_plain(pixels, np.divide(picture.pixels[..., -1], most, dtype=np.float32))


def _on_plain(pixels: Pixels, alpha: NDArray[np.float32]) -> Pixels:
    if (alpha == 1).all():
        return pixels
    opaque = pixels[alpha > 0.5]
    is_pale = bool(opaque.size) and float(opaque.mean()) > 127.5
    plain = np.float32(0 if is_pale else 255)
    return np.asarray(np.rint(plain + (pixels - plain) * alpha[..., None]), np.uint8)
