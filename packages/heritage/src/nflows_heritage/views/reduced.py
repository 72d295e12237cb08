"""A picture made small, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.tiles import Rows

_SAMPLES = 2**22
"""Samples that are read at a time."""


def reduced(picture: Rows, side: int) -> NDArray[np.float32]:
    r"""The whole picture as a square, :math:`(S, S, C)` in [0, 1]: each pixel is a mean of its part.

    Arguments:
        picture: The picture, of integers, of which a few rows at a time are in memory.
        side: The side S of the square; of a smaller picture pixels are repeated.
    """
    height, width, channels = picture.shape
    down, across = (np.linspace(0, length, side, endpoint=False).astype(int) for length in (height, width))
    parts = np.concatenate(list(_means(picture, down, across)))
    return parts.reshape(side, side, channels)


def _means(picture: Rows, down: NDArray[Any], across: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    height, width, channels = picture.shape
    widths = np.maximum(np.diff(across, append=width), 1)[:, None]
    ends = np.append(down[1:], height)
    for top, bottom in zip(down, np.maximum(ends, down + 1), strict=True):
        total = np.zeros((len(across), channels))
        step = max(1, _SAMPLES // (width * channels))
        for start in range(top, bottom, step):
            rows = picture.rows(start, min(start + step, bottom))
            most = np.iinfo(rows.dtype).max
            total += np.add.reduceat(rows.sum(0, dtype=np.float64), across, axis=0) / most
        yield (total / widths / (bottom - top)).astype(np.float32)
