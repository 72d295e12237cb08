r"""Pictures made simple in the cosine transforms of all their small blocks, which natural ones are and noise is not."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import dct
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d

Samples = NDArray[np.float32]
"""Samples (h, w, C) in [0, 1], grey or RGB."""

_OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])
"""Light and two contrasts of colour, orthonormal."""
_STEP = 2
"""The distance of the blocks in pixels."""
_AT_ONCE = 16
"""Rows of blocks that are in memory at a time: so few that they stay in the processor's cache."""


def shrunk(
    tile: Samples,
    variance: Samples | float,
    threshold: float,
    pilot: Samples | None = None,
    side: int = 8,
    corner: tuple[int, int] = (0, 0),
) -> Samples:
    r"""A tile whose noise is taken off in the cosine transforms of overlapping blocks, channel by decorrelated channel.

    A coefficient :math:`c` with noise of standard deviation :math:`s` stays if :math:`|c| > t s` (Donoho & Johnstone
    1994; all shifts of the blocks, Coifman & Donoho 1995; colours as in Yu & Sapiro 2011,
    doi 10.5201/ipol.2011.ys-dct).
    With a pilot, whose coefficient is :math:`p`, it is multiplied by Wiener's :math:`p^2 / (p^2 + s^2)` (Ghael et al.
    1997). The estimates of a pixel are averaged, those of blocks with few coefficients weighing more (Dabov et al.
    2007, equation 10).

    Arguments:
        tile: The tile (h, w, C).
        variance: The variance of the noise, of each sample (h, w, C) or of all; in a block it is the mean.
        threshold: The threshold :math:`t`.
        pilot: An estimate of the result (h, w, C).
        side: The side of the blocks in pixels.
        corner: The row and column of the tile in its picture, which decide where blocks begin.
    """
    height, width, channels = tile.shape
    before = [side + (at - side) % _STEP for at in corner]
    pads = [(n, side + (n + length) % _STEP) for n, length in zip(before, (height, width), strict=True)]

    def spread(samples: Samples, power: int = 1) -> Tensor:
        mixing = (_OPPONENT if channels == 3 else np.ones((1, 1))) ** power
        mixed = samples @ mixing.T.astype(np.float32)
        return torch.from_numpy(np.pad(mixed, [*pads, (0, 0)], mode="symmetric")).permute(2, 0, 1)[:, None]

    image, guide = spread(tile), None if pilot is None else spread(pilot)
    levels = torch.as_tensor(variance) if isinstance(variance, float) else _block_means(spread(variance, 2), side)
    total, weight = torch.zeros_like(image), torch.zeros(channels, 1, *image.shape[2:])
    count = (image.shape[2] - side) // _STEP + 1
    for first in range(0, count, _AT_ONCE):
        last = min(first + _AT_ONCE, count)
        rows = (..., slice(_STEP * first, _STEP * (last - 1) + side), slice(None))
        noise = levels[:, :, first:last] if levels.ndim else levels
        coefficients = conv2d(image[rows], atoms(side), stride=_STEP)
        weights = _shrink(coefficients, noise, threshold, None if guide is None else guide[rows], side)
        total[rows] += _put_together(coefficients.mul_(weights), side)
        weight[rows] += conv_transpose2d(weights, torch.ones(1, 1, side, side), stride=_STEP)
    (top, _), (left, _) = pads
    mixed = (total / weight)[:, 0, top : top + height, left : left + width].permute(1, 2, 0).numpy()
    return np.ascontiguousarray(mixed @ _OPPONENT.astype(np.float32) if channels == 3 else mixed)


def _shrink(coefficients: Tensor, levels: Tensor, threshold: float, guide: Tensor | None, side: int) -> Tensor:
    """Shrinks the coefficients (C, side², h', w') of blocks in their place, and says how much each block weighs."""
    if guide is None:
        is_kept = coefficients.abs() > levels.sqrt() * threshold
        is_kept[:, 0] = True
        weights = 1 / is_kept.sum(1, keepdim=True).float()
        coefficients *= is_kept
    else:
        power = conv2d(guide, atoms(side), stride=_STEP).square_()
        gain = power.div_((power + levels).clamp_(min=1e-12))
        gain[:, 0] = 1
        weights = 1 / gain.square().sum(1, keepdim=True)
        coefficients *= gain
    return weights / levels if levels.ndim else weights


@lru_cache(maxsize=8)
def atoms(side: int) -> Tensor:
    """The products of cosines, (side², 1, side, side)."""
    basis = _cosines(side)
    return torch.einsum("ai,bj->abij", basis, basis).reshape(side**2, 1, side, side)


@lru_cache(maxsize=8)
def _cosines(side: int) -> Tensor:
    return torch.from_numpy(dct(np.eye(side), axis=0, norm="ortho").astype(np.float32))


def _put_together(coefficients: Tensor, side: int) -> Tensor:
    """The sum of all blocks, (C, 1, h, w), of their coefficients (C, side², h', w'): along rows, then along columns,
    which takes half the time of both at once."""
    channels, _, down, across = coefficients.shape
    rows = coefficients.reshape(channels * side, side, down, across)
    rows = conv_transpose2d(rows, _cosines(side)[:, None, None], stride=(1, _STEP))
    return conv_transpose2d(rows.reshape(channels, side, down, -1), _cosines(side)[:, None, :, None], stride=(_STEP, 1))


def _block_means(image: Tensor, side: int) -> Tensor:
    return torch.nn.functional.avg_pool2d(image, side, stride=_STEP).clamp(min=1e-12)
