"""Where a restored picture differs from what it was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images import Picture, PictureFile, blank_pixels, write_picture

_SAMPLES = 2**22
"""Samples that are compared at a time."""


@dataclass(frozen=True)
class Change:
    """How much was changed.

    Arguments:
        share: The part of the pixels that differ.
        mean: The mean difference of all samples, as a part of their range.
        largest: The largest one, likewise.
    """

    share: float
    mean: float
    largest: float


def write_change(source: Path, result: Path, target: Path) -> Change:
    r"""Writes a grey picture of the change, 0 where nothing differs, and says how much it is.

    .. math:: m = \lceil 255 \max_c |\hat y_c - x_c| \rceil

    of samples in [0, 1], so that the least difference of 16 bits shows too.

    Arguments:
        source: The file of the picture as it was.
        result: The file of the restored one.
        target: The file that is written, a PNG.

    Raises:
        OSError: A file cannot be read or written.
    """
    counted = np.zeros(3)
    with PictureFile(source) as before, PictureFile(result) as after:
        height, width, _ = before.shape
        write_picture(target, Picture(blank_pixels(height, width, 1)), strips=_strips(before, after, counted))
    differing, total, largest = counted.tolist()
    return Change(differing / (height * width), total / (height * width), largest)


def _strips(before: PictureFile, after: PictureFile, counted: NDArray[np.float64]) -> Iterator[NDArray[Any]]:
    """The strips of the picture of the change; what differs is counted: pixels, means of samples, the largest."""
    height, width, channels = before.shape
    step = max(1, _SAMPLES // (width * channels))
    for top in range(0, height, step):
        bottom = min(top + step, height)
        old, new = (_unit(picture.rows(top, bottom)) for picture in (before, after))
        differences = np.abs(new - old)
        most = differences.max(2, keepdims=True)
        counted[:2] += (most > 0).sum(), differences.mean(2).sum()
        counted[2] = max(counted[2], float(most.max()))
        yield np.ceil(255 * most).astype(np.uint8)


def _unit(pixels: NDArray[np.uint8 | np.uint16]) -> NDArray[np.float64]:
    return pixels / np.float64(np.iinfo(pixels.dtype).max)
