r"""Small and large pictures in pairs: crops to train on, whole ones to test on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from nflows_core.data import DataError
from nflows_sr.data.pictures import Pictures, Pixels, stored
from nflows_sr.degradations import imresize, resize_bicubic
from nflows_sr.degradations.pictures import cropped
from nflows_sr.metrics import luma

Pair = tuple[Tensor, Tensor]
"""A small picture and its large one, :math:`(C, h, w)` and :math:`(C, H, W)` in [0, 1]; in a batch, with B before."""

Channels = Callable[[Pixels], Tensor]
"""From pixels in RGB to what a network takes, :math:`(C, H, W)` in [0, 1]."""


def rgb_channels(pixels: Pixels) -> Tensor:
    """The three channels as they are."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float() / 255


def luma_channel(pixels: Pixels) -> Tensor:
    """The luma of BT.601, from 16 / 255 to 235 / 255."""
    return torch.from_numpy(luma(np.ascontiguousarray(pixels)) / 255).float()[None]


@dataclass(frozen=True, eq=False)
class WholePairs:
    r"""Pictures, made smaller as MATLAB's ``imresize`` does it, beside themselves; each is an item.

    Arguments:
        small: The small pictures, :math:`(h, w, 3)`.
        large: The large ones, :math:`(sh, sw, 3)`.
        scale: How many times the sides of the large ones are longer.
        channels: What of the pixels is given.
    """

    small: Sequence[Pixels]
    large: Sequence[Pixels]
    scale: int
    channels: Channels = rgb_channels

    @classmethod
    def of(cls, pictures: Pictures, scale: int, channels: Channels = rgb_channels) -> WholePairs:
        """The pairs of pictures, which lose what of their right and lower edges does not divide by the scale.

        Raises:
            DataError: One has no pixels left.
        """
        for name, pixels in zip(pictures.names, pictures.pixels, strict=True):
            if min(pixels.shape[:2]) < scale:
                raise DataError(f"{name}: has less than {scale} x {scale} pixels; remove it")
        large = [cropped(pixels, scale) for pixels in pictures.pixels]
        small = stored(imresize(np.ascontiguousarray(pixels), 1 / scale).astype(np.uint8) for pixels in large)
        return cls(small, large, scale, channels)

    def __len__(self) -> int:
        return len(self.large)

    def read(self, index: int, seed: int) -> Pair:
        """A small picture and its large one, :math:`(C, h, w)` and :math:`(C, sh, sw)`."""
        return self.channels(self.small[index]), self.channels(self.large[index])


class CropPairs:
    r"""Crops of the same place of a small picture and of its large one, turned alike.

    Each picture has as many items as crops fit into it side by side, so that an epoch sees of each as much as it has,
    and one that is smaller than a crop is left out. The seed of an item decides where in the picture it is, and which
    of the eight flips and quarter turns it gets.

    Arguments:
        pairs: The pictures.
        size: The side of a small crop.

    Raises:
        DataError: No small picture is as large as a crop.
    """

    def __init__(self, pairs: WholePairs, size: int) -> None:
        counts = [(height // size) * (width // size) for height, width, _ in (small.shape for small in pairs.small)]
        if not sum(counts):
            raise DataError(
                f"no picture is as large as a crop of {size} pixels at scale {pairs.scale}, {pairs.scale * size} x "
                f"{pairs.scale * size}; take smaller crops, or give larger pictures"
            )
        self.pairs = pairs
        self.size = size
        self._picture = np.repeat(np.arange(len(counts)), counts)

    def __len__(self) -> int:
        return len(self._picture)

    def read(self, index: int, seed: int) -> Pair:
        """A small crop and its large one, :math:`(C, k, k)` and :math:`(C, sk, sk)`."""
        picture, scale, generator = self._picture[index], self.pairs.scale, np.random.default_rng(seed)
        small, large = self.pairs.small[picture], self.pairs.large[picture]
        top, left = (int(generator.integers(side - self.size + 1)) for side in small.shape[:2])
        turn = int(generator.integers(8))
        crops = _crop(small, top, left, self.size), _crop(large, scale * top, scale * left, scale * self.size)
        small_crop, large_crop = (self.pairs.channels(turned(crop, turn)) for crop in crops)
        return small_crop, large_crop


def enlarged(small: Tensor, large: Tensor) -> Tensor:
    """Small pictures at the size of their large ones, bicubically, in [0, 1]: what an autoencoder takes."""
    return resize_bicubic(small, (large.shape[-2], large.shape[-1])).clamp(0, 1)


def turned(pixels: Pixels, turn: int) -> Pixels:
    """A picture after one of the eight flips and quarter turns of a square, by its number."""
    quarters, flipped = divmod(turn, 2)
    return np.rot90(pixels[:, ::-1] if flipped else pixels, quarters)


def _crop(pixels: Pixels, top: int, left: int, size: int) -> Pixels:
    return pixels[top : top + size, left : left + size]
