"""What a detector sees of a picture."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def as_rgb(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.uint8]:
    """A picture :math:`(H, W, C)` in eight bits of RGB; a file has the colours below alpha too, and they count."""
    if pixels.dtype == np.uint16:
        pixels = (pixels >> 8).astype(np.uint8)
    colours = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    return np.ascontiguousarray(colours, dtype=np.uint8)
