"""What a crack network is trained on: made-up cracks over pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter
from torch import Tensor

from nflows_heritage.masks.made_up import Damage, bare, crack_shares, painted, weathered
from nflows_heritage.networks.pixel_finding import Pair
from nflows_sr.degradations import jpeg

ENGINE: Mapping[str, Any] = {"batch_size": 16, "learning_rate": 6e-3, "warmup_steps": 30, "ema_decay": 0.98}
_CLEAN = 0.2
"""The share of the crops that are whole, so that what is painted is not taken for damage."""
_MOST = 3
"""Cracks of a crop."""
_WAYS = ((painted, (0.8, 4.0)), (weathered, (0.6, 2.5)), (bare, (0.8, 4.0)))
"""How damage is drawn, and how wide cracks begin, at least and at most."""
_SHRUNK = 2.0
"""By how much a picture is made smaller at most, so that there is more in it."""
_SOFTEST = 1.0
"""The standard deviation of a blur at most, in pixels."""
_GRAIN = 0.02
_QUALITIES = (50, 100)


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
        return _filed(damage.picture, random), torch.from_numpy(damage.mask[None]).float()


def cracked(picture: NDArray[np.float32], random: np.random.Generator, most: int = _MOST) -> Damage:
    """A picture in [0, 1] with up to so many cracks, all dark or all light, of a colour of their own, of one even tone,
    or of the paint's beside them."""
    height, width = picture.shape[:2]
    paint, widths = _WAYS[int(random.integers(len(_WAYS)))]
    shares = crack_shares(height, width, int(random.integers(1, most + 1)), random, widths)
    return paint(picture, shares, bool(random.random() < 0.5), random)


def _crop(picture: NDArray[np.uint8], side: int, random: np.random.Generator) -> NDArray[np.float32]:
    """A part, made smaller by up to a half, turned, and in another light."""
    shrink = random.uniform(1, _SHRUNK) if random.random() < 0.5 else 1.0
    part = min(round(side * shrink), *picture.shape[:2])
    top, left = (int(random.integers(length - part + 1)) for length in picture.shape[:2])
    image = Image.fromarray(np.ascontiguousarray(picture[top : top + part, left : left + part]))
    crop = np.asarray(image.resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255
    crop = np.rot90(crop, int(random.integers(4)))
    crop = crop[:, ::-1] if random.random() < 0.5 else crop
    light = np.clip(crop * np.exp(random.normal(0, 0.2)) * np.exp(random.normal(0, 0.05, 3)), 0, 1)
    return np.ascontiguousarray(light, np.float32)


def _filed(picture: NDArray[np.float32], random: np.random.Generator) -> Tensor:
    """The picture :math:`(3, S, S)` as a camera and a file keep it: softer, grainy, and once a JPEG, or not. What was
    drawn would be known by its sharpness else, which real cracks have in common with the paint beside them."""
    if random.random() < 0.5:
        picture = gaussian_filter(picture, (*[random.uniform(0.2, _SOFTEST)] * 2, 0))
    if random.random() < 0.5:
        picture = np.clip(picture + random.normal(0, random.uniform(0, _GRAIN), picture.shape), 0, 1)
    image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32))
    return jpeg(image, int(random.integers(*_QUALITIES))) if random.random() < 0.5 else image
