r"""The channel on which super-resolution is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WEIGHTS = (65.481, 128.553, 24.966)
"""Of R, G and B in [0, 1], by ITU-R BT.601."""
BLACK = 16.0
"""The luma of black, in [0, 255]."""


def luma(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float64]:
    r"""The Y of MATLAB's ``rgb2ycbcr``, on the scale of eight bits; grey pixels as they are.

    .. math:: Y = 16 + 65.481 R + 128.553 G + 24.966 B, \qquad R, G, B \in [0, 1]

    (ITU-R BT.601, studio range 16 to 235), not rounded, as BasicSR and the papers measured with it have it. Where an
    integer picture is converted by MATLAB itself, Y is rounded, and PSNR lower by .01 to .03 decibels.

    Arguments:
        pixels: The picture (H, W, C) of 8 or 16 bits; C is 1 for grey, 3 for RGB.

    Returns:
        The luma (H, W) in [0, 255].

    Raises:
        ValueError: The picture is of another type or shape.

    Example:
        >>> luma(np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8))
        array([[235.,  16.]])
    """
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(
            f"`pixels`: expected (H, W, 1 or 3) of uint8 or uint16, got {pixels.dtype} {pixels.shape}; leave alpha out"
        )
    unit = pixels.astype(np.float64) / np.iinfo(pixels.dtype).max
    return unit[..., 0] * 255 if pixels.shape[2] == 1 else BLACK + unit @ np.array(WEIGHTS)
