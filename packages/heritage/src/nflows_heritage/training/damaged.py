r"""Good pictures beside what all kinds of damage make of them, anew for each seed."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from nflows_core.data import DataError
from nflows_heritage.distortions import CLEAN, KINDS, LEVELS, distorted
from nflows_heritage.networks.restorer import thumbnail_of
from nflows_sr.data.crops import rgb_channels, turned
from nflows_sr.data.pictures import Pictures, Pixels

Damaged = tuple[tuple[Tensor, Tensor], Tensor]
"""A damaged tile and its whole picture, small; and what the tile was."""


class DamagedTiles:
    r"""Tiles of damaged regions of pictures, turned in one of eight ways.

    Each picture has as many items as tiles fit into it side by side; one that is smaller than a tile is left out. The
    seed of an item decides on the region, the kind of the damage, its level between 1 and 5, and the tile in the
    region.

    Arguments:
        pictures: The good pictures.
        side: The side of a tile.
        region: The side of what is damaged as a whole, or that of the picture.

    Raises:
        DataError: No picture is as large as a tile.
    """

    def __init__(self, pictures: Pictures, side: int, region: int) -> None:
        counts = [(height // side) * (width // side) for height, width, _ in (one.shape for one in pictures.pixels)]
        if not sum(counts):
            raise DataError(f"no picture has {side} x {side} pixels; give larger ones")
        self.pictures, self.side, self.region = pictures, side, region
        self._picture = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        return len(self._picture)

    def read(self, index: int, seed: int) -> Damaged:
        random = np.random.default_rng(seed)
        pixels = self.pictures.pixels[self._picture[index]]
        good = rgb_channels(turned(_square(pixels, self.region, random), int(random.integers(8))))
        bad = damaged(good, KINDS[random.integers(len(KINDS))], float(random.uniform(LEVELS[0], LEVELS[-1])), random)
        top, left = (int(random.integers(length - self.side + 1)) for length in good.shape[1:])
        place = (slice(None), slice(top, top + self.side), slice(left, left + self.side))
        return (bad[place].contiguous(), thumbnail_of(bad)), good[place].contiguous()


class DamagedPictures:
    """Pictures to test on, each as often as there are kinds of damage, the level of each kind in turn.

    Arguments:
        pictures: The good pictures.
        most: The longest side; of a larger picture the middle is taken.
    """

    def __init__(self, pictures: Pictures, most: int) -> None:
        self.pictures, self.most = pictures, most

    def __len__(self) -> int:
        return len(self.pictures) * len(KINDS)

    def read(self, index: int, seed: int) -> Damaged:
        number, kind = divmod(index, len(KINDS))
        height, width = (
            slice((length - min(length, self.most)) // 2, (length + min(length, self.most)) // 2)
            for length in self.pictures.pixels[number].shape[:2]
        )
        good = rgb_channels(self.pictures.pixels[number][height, width])
        bad = damaged(good, KINDS[kind], LEVELS[index % len(LEVELS)], np.random.default_rng(seed))
        return (bad, thumbnail_of(bad)), good


def damaged(good: Tensor, kind: str, level: float, random: np.random.Generator) -> Tensor:
    """A picture as a file of eight bits would hold it after it has suffered."""
    bad = good if kind == CLEAN else distorted(good, kind, level, int(random.integers(2**63)))
    return (bad * 255).round() / 255


def _square(pixels: Pixels, most: int, random: np.random.Generator) -> Pixels:
    """A region with sides of at most so many pixels."""
    sides = [min(length, most) for length in pixels.shape[:2]]
    top, left = (int(random.integers(length - side + 1)) for length, side in zip(pixels.shape, sides, strict=False))
    return pixels[top : top + sides[0], left : left + sides[1]]
