"""What is lost, filled from its surroundings: as strips of pixels, changed as much as is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_heritage.inpainting import inpaint
from nflows_heritage.restoring.tiling import Source

_SAMPLES = 2**22
"""Samples of a strip."""


def filled(picture: Source, mask: NDArray[np.bool_], strength: float) -> Iterator[NDArray[Any]]:
    """The strips of the filled picture, :math:`(h, W, C)`; all of it is in memory.

    Arguments:
        picture: The picture; alpha stays as it is.
        mask: What is filled, :math:`(H, W)`.
        strength: The part of the change that is made.

    Raises:
        ValueError: The mask covers the whole picture.
    """
    height, width, channels = picture.shape
    pixels = picture.rows(0, height)
    colours = pixels[..., : 3 if channels >= 3 else 1]
    made = inpaint(colours, mask)
    step = max(1, _SAMPLES // (width * channels))
    for top in range(0, height, step):
        part = slice(top, top + step)
        before = colours[part].astype(np.float64)
        new = np.rint(before + strength * (made[part] - before)).astype(pixels.dtype)
        yield np.concatenate([new, pixels[part][..., colours.shape[2] :]], axis=2)
