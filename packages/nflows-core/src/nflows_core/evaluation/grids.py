"""Many images in one picture."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MARGIN = 2
_MARGIN_GREY = 128
_TILE = 64


@dataclass(frozen=True)
class ReconstructionGrid:
    """Images, their reconstructions and the differences in three rows.

    Arguments:
        pixels: The picture, uint8, :math:`(H, W, C)`.
        amplification: The factor by which the differences are multiplied.
    """

    pixels: NDArray[np.uint8]
    amplification: float

    @property
    def caption(self) -> str:
        """What the rows show."""
        return f"Images, their reconstructions, and the differences times {self.amplification:,.0f}"


def image_grid(images: Tensor, columns: int | None = None) -> NDArray[np.uint8]:
    r"""One picture of many images, row by row, with a grey margin around each.

    Images below 64 pixels are enlarged by a whole factor without smoothing, so that every pixel can be seen.

    Arguments:
        images: The images, with values in :math:`[0, 1]`, :math:`(N, C, H, W)` with one or three channels; other values
            are clamped.
        columns: The number of images in a row; about as many as rows if not given.

    Returns:
        The picture as uint8, :math:`(H', W', C)`. A value :math:`x` is shown as
        :math:`\lfloor 256 x \rfloor`, which undoes the uniform dequantization of 8-bit images.

    Raises:
        ValueError: There are no images, or they are of another shape.
        FloatingPointError: Some value is not finite.
    """
    _check(images)
    columns = columns or math.ceil(math.sqrt(len(images)))
    tiles = _tiles(images)
    _, side_y, side_x, channels = tiles.shape
    rows = math.ceil(len(tiles) / columns)
    grid = np.full((rows * columns, side_y, side_x, channels), _MARGIN_GREY, np.uint8)
    grid[: len(tiles)] = tiles
    picture = grid.reshape(rows, columns, side_y, side_x, channels).swapaxes(1, 2)
    picture = picture.reshape(rows * side_y, columns * side_x, channels)
    return np.pad(picture, ((_MARGIN, 0), (_MARGIN, 0), (0, 0)), constant_values=_MARGIN_GREY)


def reconstruction_grid(images: Tensor, reconstructions: Tensor) -> ReconstructionGrid:
    """Shows how exactly images were reconstructed.

    The largest power of ten that leaves every absolute difference below one amplifies the differences. A cross stands
    for a reconstruction that is not finite, and for its difference.

    Arguments:
        images: The images, with values in :math:`[0, 1]`, :math:`(N, C, H, W)`.
        reconstructions: Their reconstructions, of the same shape.

    Raises:
        ValueError: The shapes differ; and what `image_grid` raises.
    """
    if images.shape != reconstructions.shape:
        raise ValueError(f"images {tuple(images.shape)}, but reconstructions {tuple(reconstructions.shape)}")
    difference = (images - reconstructions).abs()
    largest = max(difference[difference.isfinite()].tolist(), default=0.0)
    amplification = 10.0 ** max(0, math.ceil(-math.log10(largest)) - 1) if largest > 0 else 1.0
    rows = torch.cat([images, crossed_out(reconstructions)[0], crossed_out(difference * amplification)[0]])
    return ReconstructionGrid(image_grid(rows, columns=len(images)), amplification)


def crossed_out(images: Tensor) -> tuple[Tensor, int]:
    """The same images, where a cross stands for each that has values which are not finite, and how many these are.

    Arguments:
        images: The images, :math:`(N, C, H, W)`.
    """
    bad = ~images.isfinite().flatten(1).all(1)
    height, width = images.shape[-2:]
    rows, columns = (torch.linspace(-1, 1, side, device=images.device) for side in (height, width))
    away = (rows.abs()[:, None] - columns.abs()).abs()  # from the diagonals
    cross = torch.where(away < 1.5 / min(height, width), 0.9, 0.1).to(images)
    return torch.where(bad[:, None, None, None], cross.expand_as(images), images), int(bad.sum())


def _check(images: Tensor) -> None:
    if images.ndim != 4 or len(images) == 0 or images.shape[1] not in (1, 3):
        raise ValueError(f"expected images of shape (N, 1 or 3, H, W), got {tuple(images.shape)}")
    if not images.isfinite().all():
        raise FloatingPointError("an image has pixels that are not finite; the flow has diverged")


def _tiles(images: Tensor) -> NDArray[np.uint8]:
    """The images as uint8 :math:`(N, H, W, C)`, enlarged, with a margin at the right and below."""
    pixels = (images.detach().float() * 256).floor().clamp(0, 255).to(torch.uint8).cpu()
    tiles = pixels.permute(0, 2, 3, 1).numpy()
    factor = max(1, math.ceil(_TILE / max(tiles.shape[1:3])))
    tiles = tiles.repeat(factor, axis=1).repeat(factor, axis=2)
    return np.pad(tiles, ((0, 0), (0, _MARGIN), (0, _MARGIN), (0, 0)), constant_values=_MARGIN_GREY)
