"""What is looked at of a picture, which may be too large for memory, to find out what it suffers from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.tiles import Rows
from nflows_heritage.classic.cosines import Samples

_SIDE = 512
_REGIONS = 3
_OVERVIEW = 1024


@dataclass(frozen=True)
class Region:
    """A part of a picture at its full size.

    Arguments:
        samples: The samples (h, w, C).
        corner: Its first row and column.
    """

    samples: Samples
    corner: tuple[int, int]


@dataclass(frozen=True)
class Look:
    """Parts of a picture at its full size, spread evenly, and the whole of it in small.

    Arguments:
        shape: Height, width and channels of the picture.
        regions: At most nine parts of 512 x 512 pixels; of a picture not larger than three times that, all of it.
        overview: Every n-th pixel of every n-th row, at most 1024 x 1024.
    """

    shape: tuple[int, int, int]
    regions: tuple[Region, ...]
    overview: Samples

    @classmethod
    def at(cls, picture: Rows | NDArray[Any]) -> Look:
        """A look at a picture (H, W, C), grey or RGB, of integers or of float32 in [0, 1].

        Raises:
            ValueError: The picture is of another shape or type, or empty.
        """
        height, width, channels = _checked(picture)
        tops, lefts = _starts(height), _starts(width)
        regions, overview = list[Region](), list[Samples]()
        step = math.ceil(max(height, width) / _OVERVIEW)
        side = height if len(tops) == 1 else _SIDE
        for top in tops:
            rows = samples_of(picture, top, min(top + side, height))
            for left in lefts:
                part = rows[:, left : left + (width if len(lefts) == 1 else _SIDE)]
                regions.append(Region(np.ascontiguousarray(part), (top, left)))
        for row in range(0, height, step):
            overview.append(samples_of(picture, row, row + 1)[:, ::step])
        return cls((height, width, channels), tuple(regions), np.concatenate(overview))


def _starts(length: int) -> list[int]:
    if length <= _SIDE * _REGIONS:
        return [0]
    return [int(start) for start in np.linspace(0, length - _SIDE, _REGIONS)]


def _checked(picture: Rows | NDArray[Any]) -> tuple[int, int, int]:
    shape = tuple(picture.shape)
    if len(shape) != 3 or 0 in shape or shape[2] not in (1, 3):
        raise ValueError(f"`picture`: expected (H, W, 1) or (H, W, 3), none of them zero, got {shape}")
    return shape[0], shape[1], shape[2]


def samples_of(picture: Rows | NDArray[Any], top: int, bottom: int) -> Samples:
    """The rows of a picture from ``top`` to before ``bottom``, in [0, 1]."""
    rows = picture[top:bottom] if isinstance(picture, np.ndarray) else picture.rows(top, bottom)
    if rows.dtype.kind == "f":
        return np.asarray(rows, np.float32)
    if rows.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"`picture`: expected samples of uint8, uint16 or float32, got {rows.dtype}")
    return rows.astype(np.float32) / np.float32(np.iinfo(rows.dtype).max)
