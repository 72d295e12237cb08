"""A block of a scene and the spectra in it: a pixel is valid in all bands, or NaN in all of them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def valid_pixels(block: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pixels of a block, :math:`(C, H, W)`, have a spectrum; :math:`(H, W)`."""
    return np.asarray(np.isfinite(block[0]))


def spectra_at(block: NDArray[np.float32], pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The spectra of a block, :math:`(C, H, W)`, at some pixels, :math:`(H, W)`; :math:`(N, C)`."""
    return block[:, pixels].T


def as_block(values: NDArray[_Scalar], pixels: NDArray[np.bool_], nodata: float) -> NDArray[_Scalar]:
    """Values of some pixels where these are; the inverse of `spectra_at`.

    Arguments:
        values: One or several of each pixel, :math:`(N,)` or :math:`(N, D)`.
        pixels: The mask of these pixels, :math:`(H, W)`.
        nodata: What the others get.

    Returns:
        :math:`(H, W)` or :math:`(D, H, W)`.

    Example:
        >>> as_block(np.array([1, 2], np.uint8), np.array([[True, False], [False, True]]), 0)
        array([[1, 0],
               [0, 2]], dtype=uint8)
    """
    block = np.full((*values.shape[1:], *pixels.shape), nodata, values.dtype)
    block[..., pixels] = values.T
    return block
