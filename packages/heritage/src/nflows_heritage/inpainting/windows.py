"""Large pictures filled window by window, and thick holes from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from nflows_heritage.inpainting.biharmonic import Mask, Samples

Fill = Callable[[Samples, Mask, Samples | None], Samples]
"""From a window, its mask and, where holes are thick, a guess of the whole window, to the window filled."""
Box = tuple[slice, slice]

_TILE, _HALO = 128, 48
_THICK = 16
"""A hole is thick if it holds a whole square of so many pixels of a grid of them."""
_STRIP = 512


def fill_windows(pixels: NDArray[Any], mask: Mask, fill: Fill) -> NDArray[Any]:
    """The picture filled; memory beyond it and its result is that of a window and of a picture of half its sides.

    Each tile of 128 x 128 pixels with anything masked is filled with 48 pixels around it. What holds a square of 16
    masked pixels is first filled in a picture of half the sides, where it is half as thick, and so on; enlarged, that
    is the guess from which a window starts.

    Arguments:
        pixels: The picture :math:`(H, W, C)`, of 8 or 16 bits, or in [0, 1].
        mask: What is filled, :math:`(H, W)`; at least one pixel is not.
        fill: What fills a window.
    """
    coarse = fill_windows(*halved(pixels, mask), fill) if is_thick(mask) else None
    result = pixels.copy()
    for tile, window in _boxes(mask):
        guess = None if coarse is None else _enlarged(coarse, window)
        inner = tuple(slice(own.start - of.start, own.stop - of.start) for own, of in zip(tile, window, strict=True))
        hole = mask[window]
        made = fill(_to_samples(pixels[window]), hole, guess)[inner]
        result[tile][hole[inner]] = _to_type(made[hole[inner]], pixels.dtype)
    return result


def is_thick(mask: Mask) -> bool:
    """Whether any square of 16 pixels of a grid is masked as a whole."""
    height, width = (length // _THICK for length in mask.shape)
    squares = mask[: height * _THICK, : width * _THICK].reshape(height, _THICK, width, _THICK)
    return bool(squares.all((1, 3)).any())


def halved(pixels: NDArray[Any], mask: Mask) -> tuple[Samples, Mask]:
    """A picture of half the sides, rounded up, whose pixels are the means of what is known of four, and its mask."""
    height, width, channels = pixels.shape
    small = np.empty(((height + 1) // 2, (width + 1) // 2, channels), np.float32)
    hidden = np.empty(small.shape[:2], np.bool_)
    for top in range(0, height, _STRIP):  # or a large scan would be in memory as float32
        rows, part = slice(top, top + _STRIP), slice(top // 2, (top + _STRIP) // 2)
        small[part], hidden[part] = _means(_to_samples(pixels[rows]), ~mask[rows])
    return small, hidden


def _means(samples: Samples, known: Mask) -> tuple[Samples, Mask]:
    sides = [(0, length % 2) for length in known.shape]
    counts = _sums(np.pad(known, sides)[..., None].astype(np.float32))
    sums = _sums(np.pad(samples * known[..., None], [*sides, (0, 0)]))
    means = (sums / np.maximum(counts, 1)).astype(np.float32)
    return means, counts[..., 0] == 0


def _sums(samples: Samples) -> Samples:
    height, width, channels = samples.shape
    sums: Samples = samples.reshape(height // 2, 2, width // 2, 2, channels).sum((1, 3))
    return sums


def _boxes(mask: Mask) -> Iterator[tuple[Box, Box]]:
    """Tiles with anything masked, and the windows around them."""
    for top in range(0, mask.shape[0], _TILE):
        for left in range(0, mask.shape[1], _TILE):
            tile = _box(mask, top, left, 0)
            if mask[tile].any():
                yield tile, _box(mask, top, left, _HALO)


def _box(mask: Mask, top: int, left: int, halo: int) -> Box:
    """A tile with a halo, within the picture."""
    height, width = mask.shape
    rows = slice(max(top - halo, 0), min(top + _TILE + halo, height))
    return rows, slice(max(left - halo, 0), min(left + _TILE + halo, width))


def _enlarged(coarse: Samples, window: Box) -> Samples:
    """A window of a picture of twice the sides, between whose pixels colours change along lines."""
    starts = [max(side.start // 2 - 2, 0) for side in window]
    part = coarse[tuple(slice(start, side.stop // 2 + 2) for start, side in zip(starts, window, strict=True))]
    rows, columns = (
        (np.arange(side.start, side.stop) + 0.5) / 2 - 0.5 - start for start, side in zip(starts, window, strict=True)
    )
    places = np.meshgrid(rows, columns, indexing="ij")
    channels = [map_coordinates(channel, places, order=1, mode="nearest") for channel in np.moveaxis(part, 2, 0)]
    return np.stack(channels, axis=2)


def _to_samples(pixels: NDArray[Any]) -> Samples:
    samples = pixels.astype(np.float32)
    return samples if pixels.dtype.kind == "f" else samples / np.float32(np.iinfo(pixels.dtype).max)


def _to_type(samples: Samples, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values in [0, 1], or the nearest levels."""
    clipped = np.clip(samples, 0, 1)
    return clipped if dtype.kind == "f" else np.rint(clipped * np.float32(np.iinfo(dtype).max)).astype(dtype)
