r"""A random sample of pixels that does not depend on how a scene is cut into blocks."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nflows_geo.raster import Tile

_MASK = 2**64 - 1


class NoValidPixelError(ValueError):
    """A scene has no pixel with a value in all bands; `examine` counts them by band."""


def sample_pixels(
    blocks: Iterable[tuple[Tile, NDArray[np.float32]]], width: int, count: int, seed: int
) -> NDArray[np.float32]:
    r"""Draws valid pixels without replacement, each with the same probability.

    Every pixel has a key, a hash of the seed and its place in the scene; those with the smallest keys are drawn. So
    blocks may come in any size and order, and no more than twice the sample and one block is in memory.

    Arguments:
        blocks: The pixels of each tile's core, :math:`(C, H, W)`; one with NaN is not valid.
        width: The width of the scene in pixels.
        count: How many are drawn.
        seed: Chooses which.

    Returns:
        :math:`(N, C)` in random order, with fewer than ``count`` rows if there are fewer valid pixels.

    Raises:
        NoValidPixelError: No pixel is valid.
    """
    keys, pixels = np.empty(0, np.uint64), None
    for tile, block in blocks:
        valid = np.isfinite(np.einsum("chw->hw", block))
        own = _keys(tile, width, seed)[valid]
        limit = keys.max() if len(keys) == count else np.uint64(_MASK)
        chosen = np.flatnonzero(own <= limit)
        chosen = chosen[_smallest(own[chosen], count)]
        drawn = block.reshape(len(block), -1)[:, np.flatnonzero(valid)[chosen]].T
        keys = np.concatenate([keys, own[chosen]])
        pixels = drawn if pixels is None else np.concatenate([pixels, drawn])
        kept = _smallest(keys, count)
        keys, pixels = keys[kept], pixels[kept]
    if pixels is None or not len(pixels):
        raise NoValidPixelError(
            "no pixel is valid: each is nodata, saturated, infinite or beyond 3e38 in at least one band, or masked"
        )
    return np.ascontiguousarray(pixels[np.argsort(keys)])


def _smallest(keys: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    return np.argpartition(keys, count)[:count] if len(keys) > count else np.arange(len(keys))


def _keys(tile: Tile, width: int, seed: int) -> NDArray[np.uint64]:
    """Keys of the tile's pixels, :math:`(H, W)`, all different.

    Source: Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators (OOPSLA 2014), section 5, SplitMix64.
    """
    rows = np.arange(tile.core.row_off, tile.core.row_off + tile.core.height, dtype=np.uint64)[:, None]
    columns = np.arange(tile.core.col_off, tile.core.col_off + tile.core.width, dtype=np.uint64)
    start = np.array([(seed + 1) * 0xD1342543DE82EF95 & _MASK], np.uint64)
    z = _mix(start) + (rows * np.uint64(width) + columns + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    return _mix(z)


def _mix(z: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A permutation of the 64-bit numbers after which neighbours have nothing in common."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
