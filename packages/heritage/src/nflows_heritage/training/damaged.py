r"""Good pictures beside what damage makes of them, and what a method without weights makes of that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from nflows_core.data import DataError
from nflows_heritage.classic import estimated
from nflows_heritage.distortions import CLEAN, LEVELS, distorted
from nflows_sr.data.crops import rgb_channels, turned
from nflows_sr.data.pictures import Pictures, Pixels

KINDS = ("blur", "gaussian", "motion", "speckle", "pixelate", "radial", "rain", "water")
"""The kinds of damage that a `Restorer` goes on with, by their numbers. Dullness and fading are a matter of the whole
picture; of salt and pepper hardly anything is left."""
Seen = tuple[Tensor, Tensor, int]
"""What a `Restorer` sees: a tile as it is, and as a method has made it; the number of its kind of damage."""
Damaged = tuple[Seen, Tensor]
"""What is seen, and what the tile was."""
_SPARED = 12
"""One of so many regions suffers nothing: what is not there must not be mended."""
_TONE = 0.35
"""How far colours go, as the logarithm of a power. Stains are brown, and so are many paintings: it must not be by the
colour alone that a network knows one."""


@dataclass
class _Regions:
    """Damaged regions in bytes, each made when it is first asked for, and kept: a method takes its time.

    Arguments:
        make: Makes the region of a number: its kind, and three pictures in [0, 1], damaged, made, and good.
    """

    make: Callable[[int], tuple[int, Tensor]]
    kept: dict[int, tuple[int, Tensor]] = field(default_factory=dict)

    def __getitem__(self, number: int) -> tuple[int, Tensor]:
        """The kind of a region, and the three pictures, :math:`(3, 3, H, W)` in bytes."""
        if number not in self.kept:
            kind, three = self.make(number)
            self.kept[number] = kind, (255 * three).round().byte()
        return self.kept[number]


class DamagedTiles:
    r"""Tiles of damaged regions of pictures, in other tones, turned in one of eight ways.

    The regions are the same in each epoch, and stay in memory, 590 kB for one of 256 x 256 pixels; each has as many
    items as tiles fit into it side by side. The seed of an item decides on the tile in the region.

    Arguments:
        pictures: The good pictures; one that is smaller than a tile is left out.
        side: The side of a tile.
        region: The side of what is damaged as a whole, or that of the picture.
        regions: How many regions there are.
        kinds: What they suffer from, in turn.

    Raises:
        DataError: No picture is as large as a tile.
    """

    def __init__(self, pictures: Pictures, side: int, region: int, regions: int, kinds: Sequence[str] = KINDS) -> None:
        self._large = [pixels for pixels in pictures.pixels if min(pixels.shape[:2]) >= side]
        if not self._large:
            raise DataError(f"no picture has {side} x {side} pixels; give larger ones")
        self.side, self.region, self.regions, self.kinds = side, region, regions, kinds
        self._regions = _Regions(self._make)

    def __len__(self) -> int:
        return self.regions * (self.region // self.side) ** 2

    def read(self, index: int, seed: int) -> Damaged:
        random = np.random.default_rng(seed)
        kind, three = self._regions[index % self.regions]
        top, left = (int(random.integers(length - self.side + 1)) for length in three.shape[-2:])
        tiles = three[..., top : top + self.side, left : left + self.side].float() / 255
        bad, made, good = _turned(tiles, int(random.integers(8)))
        return (bad, made, kind), good

    def _make(self, number: int) -> tuple[int, Tensor]:
        random = np.random.default_rng(number)
        areas = np.array([pixels.shape[0] * pixels.shape[1] for pixels in self._large], float)
        pixels = self._large[int(random.choice(len(areas), p=areas / areas.sum()))]
        good = _toned(rgb_channels(turned(_square(pixels, self.region, random), int(random.integers(8)))), random)
        turn, kind = divmod(number, len(self.kinds))
        level = None if turn % _SPARED == _SPARED - 1 else float(random.uniform(LEVELS[0], LEVELS[-1]))
        return _three(good, self.kinds[kind], level, random)


class DamagedPictures:
    """Pictures to test on, each as often as there are kinds of damage, the level of each kind in turn.

    Arguments:
        pictures: The good pictures.
        most: The longest side; of a larger picture the middle is taken.
        kinds: The kinds of damage.
    """

    def __init__(self, pictures: Pictures, most: int, kinds: Sequence[str] = KINDS) -> None:
        self.pictures, self.most, self.kinds = pictures, most, kinds
        self._regions = _Regions(self._make)

    def __len__(self) -> int:
        return len(self.pictures) * len(self.kinds)

    def read(self, index: int, seed: int) -> Damaged:
        kind, three = self._regions[index]
        bad, made, good = three.float() / 255
        return (bad, made, kind), good

    def _make(self, index: int) -> tuple[int, Tensor]:
        number, kind = divmod(index, len(self.kinds))
        height, width = (
            slice((length - min(length, self.most)) // 2, (length + min(length, self.most)) // 2)
            for length in self.pictures.pixels[number].shape[:2]
        )
        good = rgb_channels(self.pictures.pixels[number][height, width])
        return _three(good, self.kinds[kind], LEVELS[index % len(LEVELS)], np.random.default_rng(index))


def damaged(good: Tensor, kind: str, level: float, random: np.random.Generator) -> Tensor:
    """A picture as a file of eight bits would hold it after it has suffered."""
    bad = good if kind == CLEAN else distorted(good, kind, level, int(random.integers(2**63)))
    return (bad * 255).round() / 255


def _three(good: Tensor, kind: str, level: float | None, random: np.random.Generator) -> tuple[int, Tensor]:
    """The number of a kind, and a picture damaged, or spared, as the method against it has made it, and as it was."""
    bad = good if level is None else damaged(good, kind, level, random)
    samples = np.ascontiguousarray(bad.permute(1, 2, 0).numpy())
    made = torch.from_numpy(np.ascontiguousarray(estimated(kind, samples)(samples))).permute(2, 0, 1)
    return KINDS.index(kind), torch.stack([bad, made, good])


def _toned(good: Tensor, random: np.random.Generator) -> Tensor:
    """A picture as a file of eight bits would hold it in other tones: each channel to a power of its own."""
    powers = torch.from_numpy(np.exp(random.uniform(-_TONE, _TONE, (3, 1, 1)))).float()
    return (good**powers * 255).round() / 255


def _turned(tiles: Tensor, way: int) -> Tensor:
    """Pictures (..., S, S) turned in one of eight ways."""
    flipped = tiles.flip(-1) if way >= 4 else tiles
    return flipped.rot90(way % 4, (-2, -1)).contiguous()


def _square(pixels: Pixels, most: int, random: np.random.Generator) -> Pixels:
    """A region with sides of at most so many pixels."""
    sides = [min(length, most) for length in pixels.shape[:2]]
    top, left = (int(random.integers(length - side + 1)) for length, side in zip(pixels.shape, sides, strict=False))
    return pixels[top : top + sides[0], left : left + sides[1]]
