"""What a crack network is trained on: made-up cracks over pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_heritage.masks.made_up import Damage, crack_shares, painted
from nflows_heritage.networks.pixel_finding import Pair

ENGINE: Mapping[str, Any] = {"batch_size": 16, "learning_rate": 6e-3, "warmup_steps": 30, "ema_decay": 0.98}
_CLEAN = 0.2
"""The share of the crops that are whole, so that what is painted is not taken for damage."""
_MOST = 3
"""Cracks of a crop."""


@dataclass(frozen=True)
class CrackedCrops:
    """Crops of pictures with made-up cracks, another crop and others cracks for every seed.

    Arguments:
        pictures: The pictures, :math:`(H, W, 3)` of 8 bits; no side is shorter than that of a crop.
        count: How many items there are.
        side: The side of a crop in pixels.
    """

    pictures: Sequence[NDArray[np.uint8]] = field(repr=False)
    count: int
    side: int = 64

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, seed: int) -> Pair:
        """A crop, turned, lighter or darker, and cracked or not."""
        random = np.random.default_rng([seed, index])
        picture = self.pictures[int(random.integers(len(self.pictures)))]
        crop = _crop(picture, self.side, random)
        damage = cracked(crop, random) if random.random() > _CLEAN else Damage(crop, np.zeros(crop.shape[:2], bool))
        return torch.from_numpy(damage.picture.transpose(2, 0, 1).copy()), torch.from_numpy(damage.mask[None]).float()


def cracked(picture: NDArray[np.float32], random: np.random.Generator, most: int = _MOST) -> Damage:
    """A picture in [0, 1] with up to so many cracks, all dark or all light."""
    height, width = picture.shape[:2]
    shares = crack_shares(height, width, int(random.integers(1, most + 1)), random)
    return painted(picture, shares, bool(random.random() < 0.5), random)


def _crop(picture: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.float32]:
    top, left = (int(random.integers(length - side + 1)) for length in picture.shape[:2])
    crop = picture[top : top + side, left : left + side].astype(np.float32) / 255
    crop = np.rot90(crop, int(random.integers(4)))
    crop = crop[:, ::-1] if random.random() < 0.5 else crop
    light = np.clip(crop * np.exp(random.normal(0, 0.2)) * np.exp(random.normal(0, 0.05, 3)), 0, 1)
    return np.ascontiguousarray(light, np.float32)
