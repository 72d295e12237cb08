"""A picture with a mask to the picture filled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from nflows_heritage.inpainting.biharmonic import Mask, Samples, biharmonic_fill
from nflows_heritage.inpainting.patches import patch_fill
from nflows_heritage.inpainting.windows import Fill, fill_windows

_RIM = 16
"""Farther inside a thick hole, a plate is held by the guess."""
_SHARE = 0.7
"""The share of the patches in the mixture."""


def inpaint(pixels: NDArray[Any], mask: NDArray[Any], method: str = "mixed") -> NDArray[Any]:
    """A picture whose masked pixels are made from their surroundings; all others are the same to the bit.

    The same picture and mask give the same result: nothing is random. Time grows with what is masked, and memory by a
    window and a picture of half the sides; see `nflows_heritage.inpainting.windows.fill_windows`.

    Arguments:
        pixels: The picture :math:`(H, W, C)`, of 8 or 16 bits.
        mask: What is filled, :math:`(H, W)`: all that is not zero. If nothing is, the result is a copy.
        method: ``biharmonic``, ``patches``, or their mean, ``mixed``, which is nearest to what was there.

    Raises:
        ValueError: The mask has another size or covers the whole picture, the picture has another type, or there is no
            such method.
    """
    if method not in METHODS:
        raise ValueError(f"`method`: there is no {method!r}; there are {', '.join(METHODS)}")
    if pixels.ndim != 3 or pixels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"`pixels`: expected (H, W, C) of 8 or 16 bits, got {pixels.shape} of {pixels.dtype}")
    if mask.shape != pixels.shape[:2]:
        raise ValueError(f"`mask`: expected the picture's size {pixels.shape[:2]}, got {mask.shape}")
    hole = mask != 0
    if not hole.any():
        return pixels.copy()
    if hole.all():
        raise ValueError("`mask`: it covers the whole picture, and leaves nothing to fill it from; mask less")
    return fill_windows(pixels, hole, METHODS[method])


def _biharmonic(samples: Samples, mask: Mask, guess: Samples | None) -> Samples:
    """The plate; in a thick hole, which would take long, only its rim bends."""
    if guess is None:
        return biharmonic_fill(samples, mask)
    start = np.where(mask[..., None], guess, samples)
    if mask.all():
        return start
    rim = mask & (distance_transform_edt(mask) <= _RIM)
    return biharmonic_fill(start, rim)


def _patches(samples: Samples, mask: Mask, guess: Samples | None) -> Samples:
    start = _biharmonic(samples, mask, None) if guess is None else np.where(mask[..., None], guess, samples)
    return patch_fill(start, mask)


def _mixed(samples: Samples, mask: Mask, guess: Samples | None) -> Samples:
    smooth = _biharmonic(samples, mask, guess)
    start = smooth if guess is None else np.where(mask[..., None], guess, samples)
    return np.float32(1 - _SHARE) * smooth + np.float32(_SHARE) * patch_fill(start, mask)


METHODS: Mapping[str, Fill] = {"biharmonic": _biharmonic, "patches": _patches, "mixed": _mixed}
"""Ways to fill, by name."""
