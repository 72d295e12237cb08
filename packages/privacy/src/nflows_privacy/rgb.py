"""Pictures of one to four channels and 8 or 16 bits, as networks take them: RGB of 8 bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8 | np.uint16]


def as_rgb(pixels: Pixels) -> NDArray[np.uint8]:
    """A picture :math:`(H, W, C)` in eight bits of RGB; a file has the colours below alpha too, and they count."""
    return as_three(in_8_bits(colours_of(pixels)))


def colours_of(pixels: Pixels) -> Pixels:
    """The colours of a picture, or its grey, without alpha, :math:`(H, W, 3)` or :math:`(H, W, 1)`."""
    return pixels[..., :3] if pixels.shape[2] >= 3 else pixels[..., :1]


def as_three(colours: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey as a colour, :math:`(H, W, 3)`."""
    return np.ascontiguousarray(np.repeat(colours, 3, axis=2) if colours.shape[2] == 1 else colours)


def in_8_bits(samples: Pixels) -> NDArray[np.uint8]:
    """The upper eight bits of samples."""
    return (samples >> 8).astype(np.uint8) if samples.dtype == np.uint16 else samples.astype(np.uint8, copy=False)
