r"""Pixels that are lost, from those around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from nflows_heritage.classic.cosines import Samples, shrunk

_COARSEST = 0.2
_FINEST = 0.004
_SPREADS = (1.0, 2.0, 4.0, 8.0, 16.0)


def filled(tile: Samples, is_lost: NDArray[np.bool_], corner: tuple[int, int] = (0, 0), rounds: int = 6) -> Samples:
    """A tile whose lost pixels are made such that it has few cosines in its blocks.

    Starting with means of known neighbours, the tile is `shrunk` in rounds by ever smaller thresholds, and what is
    known put back after each (Guleryuz 2006, "Nonlinear approximation based image recovery using adaptive sparse
    reconstructions", doi 10.1109/TIP.2005.863057).

    Arguments:
        tile: The tile (h, w, C).
        is_lost: Which of its pixels are lost (h, w).
        corner: The row and column of the tile in its picture.
        rounds: The number of rounds.
    """
    if not is_lost.any():
        return tile.copy()
    lost = is_lost[..., None]
    result = np.where(lost, _means(tile, ~is_lost), tile)
    for sigma in np.geomspace(_COARSEST, _FINEST, rounds):
        result = np.where(lost, shrunk(result, float(sigma) ** 2, 1.0, corner=corner), tile)
    return result


def _means(tile: Samples, is_known: NDArray[np.bool_]) -> Samples:
    """The mean of the known pixels near each, as near as there are any."""
    known = is_known[..., None].astype(np.float32)
    result, found = np.full_like(tile, 0.5), np.zeros(is_known.shape, bool)
    for spread in _SPREADS:
        sigma = (spread, spread, 0)
        weight = gaussian_filter(known, sigma, mode="mirror", truncate=3)
        near = (weight[..., 0] > 0.02) & ~found
        if near.any():
            total = gaussian_filter(tile * known, sigma, mode="mirror", truncate=3)
            result[near] = (total / np.maximum(weight, 1e-6))[near]
            found |= near
        if found.all():
            break
    return result
