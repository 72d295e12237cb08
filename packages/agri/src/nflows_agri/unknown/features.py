"""What a network that was trained on other pictures, and is never trained here, sees in a crop."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nflows_core.classifiers import LEAST_SIDE, EfficientNetLite0, as_unit

SIDE = 128
"""The side of the squares that crops are read in, in pixels: four places at the last of the stages, each way."""
_STAGES = (2, 4, 6)
"""The last stage of each size that sees more than edges: an eighth, a sixteenth and a thirty-second of a crop's."""
_BATCH = 16  # what fits a CPU's cache: 64 take twice as long a crop


@torch.inference_mode()
def frozen_features(images: Tensor) -> Tensor:
    """The mean and the standard deviation, over the places of a crop, of each feature of three stages.

    The network is EfficientNet-Lite0, trained on ImageNet. A classifier of a few classes forgets what does not tell
    these apart, and in that a thing of another class may differ.

    Arguments:
        images: Crops in squares, RGB in bytes, :math:`(B, 3, S, S)`.

    Returns:
        The features, :math:`(B, 944)`, each row of length 1, so that light and contrast count for less.

    Raises:
        ModuleNotFoundError: The package with the network's weights is not installed.
        ValueError: They are no such crops.
    """
    check_crops(images)
    return normalize(torch.cat([_pooled(part) for part in torch.split(images, _BATCH)]))


def check_crops(images: Tensor) -> None:
    """Raises a ValueError unless they are RGB in bytes, in squares that are large enough for the network."""
    sides = images.shape[2:]
    if images.dtype != torch.uint8 or images.shape[1:2] != (3,) or len(sides) != 2 or sides[0] != sides[1]:
        raise ValueError(f"`images`: expected bytes of shape (B, 3, S, S), got {images.dtype} {tuple(images.shape)}")
    if sides[0] < LEAST_SIDE:
        raise ValueError(f"`images`: {sides[0]} pixels a side are too few; read them in squares of {SIDE}")


def _pooled(images: Tensor) -> Tensor:
    maps = _network().maps(as_unit(images) * 2 - 1)
    places = [maps[stage].flatten(2) for stage in _STAGES]
    return torch.cat([moment for x in places for moment in _moments(x)], 1)


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(2, keepdim=True)
    return mean[:, :, 0], (x - mean).square().mean(2).sqrt()


@cache
def _network() -> EfficientNetLite0:
    return EfficientNetLite0.pretrained().frozen()
