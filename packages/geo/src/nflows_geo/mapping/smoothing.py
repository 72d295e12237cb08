r"""The majority filter: every pixel takes the class that most of its neighbours have."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

WINDOW = 7
MARGIN = WINDOW // 2
"""How many pixels around a block its filtered classes depend on."""


def majority_filter(classes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gives every pixel the most frequent class of the 7 x 7 window around it.

    Pixels without data neither count nor change, and nothing counts outside the block. Where several classes are the
    most frequent, a pixel keeps its own if that is one of them, and otherwise takes the smallest.

    Arguments:
        classes: :math:`(H, W)`, zero where there are no data.

    Returns:
        :math:`(H, W)`.

    Source: Nagar, Farahbakhsh, Awange and Chandra, Adv. Space Res. 74 (2024), for the window.
    """
    filtered, best = np.zeros_like(classes), np.zeros_like(classes)
    for label in np.unique(classes[classes > 0]):
        own = (classes == label).view(np.uint8)
        # At most 2 * 49 + 1: a pixel's own class wins a tie, and otherwise the first, which is the smallest.
        votes = 2 * _window_sums(_window_sums(own).T).T + own
        wins = votes > best
        filtered[wins] = label
        np.maximum(best, votes, out=best)
    filtered[classes == 0] = 0
    return filtered


def _window_sums(values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Sums over the window along the first axis."""
    sums = values.copy(order="K")
    for offset in range(1, min(MARGIN, len(values) - 1) + 1):
        sums[offset:] += values[:-offset]
        sums[:-offset] += values[offset:]
    return sums
