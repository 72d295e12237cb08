"""Samples of 16 bits that hold few levels, as 8, 10 or 12 bits of a camera stored as they are: to networks, black."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVELS = 32
"""Samples use little of their range if so many of 256 levels hold half of them. Of most street scenes at full range
they hold less."""
_SAMPLES = 2**16


def is_narrow(samples: NDArray[Any]) -> bool:
    """Whether a few levels of eight bits hold half of the samples, by some of them."""
    some = samples.reshape(-1)[:: max(1, samples.size // _SAMPLES)]
    counts = np.bincount(some >> 8, minlength=256)
    return bool(2 * np.sort(counts)[-_LEVELS:].sum() >= len(some))


def spread(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """The levels that are in use as eight bits, by their order: a white caption, which stretching would keep at the far
    end of the range, is one level more. Levels of few samples, as at the edges of its letters, count for less.

    Arguments:
        samples: An array of one axis or more.
    """
    counts = np.zeros(2**16, np.int64)
    for row in samples:  # as an index, a sample takes eight bytes
        counts += np.bincount(row.ravel(), minlength=2**16)
    falling = np.sort(counts)[::-1]
    usual = falling[np.searchsorted(falling.cumsum(), samples.size / 2)]
    order = np.minimum(counts, max(1, usual // 8)).cumsum()
    order -= order[counts > 0][0]
    eight_bits = (255 * order // max(1, order[-1])).clip(0).astype(np.uint8)
    found = np.empty(samples.shape, np.uint8)
    for row, levels in zip(found, samples, strict=True):
        row[...] = eight_bits[levels]
    return found
