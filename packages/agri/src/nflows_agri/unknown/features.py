"""What a network that was trained on other pictures, and is never trained here, sees in a crop."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import normalize

from nflows_core.classifiers import LEAST_SIDE, FrozenBody, as_unit

SIDE = 128
"""The side of the squares that crops are read in, in pixels: four places at the last of the stages, each way."""
_BATCH = 16  # what fits a CPU's cache: 64 take twice as long a crop


@torch.inference_mode()
def frozen_features(images: Tensor) -> Tensor:
    """What `FrozenBody` sees in crops, its network trained on ImageNet.

    A classifier of a few classes forgets what does not tell
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
    return normalize(torch.cat([_body()(as_unit(part) * 2 - 1) for part in torch.split(images, _BATCH)]))


def check_crops(images: Tensor) -> None:
    """Raises a ValueError unless they are RGB in bytes, in squares that are large enough for the network."""
    sides = images.shape[2:]
    if images.dtype != torch.uint8 or images.shape[1:2] != (3,) or len(sides) != 2 or sides[0] != sides[1]:
        raise ValueError(f"`images`: expected bytes of shape (B, 3, S, S), got {images.dtype} {tuple(images.shape)}")
    if sides[0] < LEAST_SIDE:
        raise ValueError(f"`images`: {sides[0]} pixels a side are too few; read them in squares of {SIDE}")


@cache
def _body() -> FrozenBody:
    return FrozenBody.pretrained()
