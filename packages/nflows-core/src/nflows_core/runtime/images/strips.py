"""Rows of a picture that come strip by strip, from top to bottom, so that the whole need not be in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from nflows_core.runtime.images.picture import Picture

Pixels = NDArray[np.uint8 | np.uint16]


def checked(strips: Iterable[Pixels], about: Picture) -> Iterator[Pixels]:
    """The strips, which together must have the shape and type of ``about.pixels``.

    Raises:
        ValueError: They have not.
    """
    (height, width, channels), dtype, rows = about.pixels.shape, about.pixels.dtype, 0
    for strip in strips:
        if not isinstance(strip, np.ndarray):
            raise TypeError(
                f"a strip of type {type(strip).__name__}: expected an array (h, {width}, {channels}), {dtype}"
            )
        if strip.ndim != 3 or strip.shape[1:] != (width, channels) or strip.dtype != dtype:
            raise ValueError(f"a strip of {strip.shape}, {strip.dtype}: expected (h, {width}, {channels}), {dtype}")
        rows += len(strip)
        if rows > height:
            break
        yield strip
    if rows != height:
        raise ValueError(f"strips of {rows} rows{' or more' * (rows > height)} for a picture of {height}")


def regrouped(strips: Iterable[Pixels], rows: int) -> Iterator[Pixels]:
    """The same rows in strips of so many ``rows``, the last one of what is left."""
    waiting: list[Pixels] = []
    count = 0
    for strip in strips:
        while count + len(strip) >= rows:
            part, strip = strip[: rows - count], strip[rows - count :]
            yield np.concatenate([*waiting, part])
            waiting, count = [], 0
        if len(strip):
            waiting.append(strip)
            count += len(strip)
    if waiting:
        yield np.concatenate(waiting)


def gathered(strips: Iterable[Pixels], about: Picture) -> Pixels:
    """The whole, in memory."""
    pixels, row = np.empty(about.pixels.shape, about.pixels.dtype), 0
    for strip in strips:
        pixels[row : row + len(strip)] = strip
        row += len(strip)
    return pixels
