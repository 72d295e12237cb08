r"""Bicubic resizing as MATLAB's ``imresize`` does it, by which the field makes its small pictures.

An output sample at :math:`u` in the input's pixels is :math:`\sum_i w(u - i) x_i` with Keys' kernel (1981, a = -1/2)

.. math:: k(t) = \begin{cases} \tfrac32 |t|^3 - \tfrac52 |t|^2 + 1 & |t| \le 1 \\
    -\tfrac12 |t|^3 + \tfrac52 |t|^2 - 4 |t| + 2 & 1 < |t| \le 2 \\ 0 & \text{else} \end{cases}

whose width grows by :math:`1 / f` where a factor :math:`f < 1` makes a picture smaller, so that nothing aliases:
:math:`w(t) = f k(f t)`. The weights of a sample are divided by their sum, and beyond its border a picture is mirrored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8 | np.uint16]

# Output samples that share a dense matrix: fewer have more calls, more have more zeros. 16 to 48 are equally fast.
_BAND = 32


def imresize(pixels: Pixels, to: float | tuple[int, int]) -> Pixels:
    """A picture of integers resized, to the very bytes of MATLAB.

    The dimension with the smaller factor is done first, rows before columns where they are equal, and the result is
    rounded after each, half away from zero.

    Arguments:
        pixels: The picture (H, W, C), of 8 or 16 bits.
        to: The factor, which gives the size (ceil(f H), ceil(f W)), or the size (rows, columns) itself.

    Returns:
        The picture of the new size and of the same type.

    Raises:
        ValueError: The picture is of another type or shape, or the factor or size is not positive.

    Example:
        >>> imresize(np.array([[[0], [0], [8], [8]]], np.uint8), (1, 2)).ravel()
        array([0, 8], dtype=uint8)
    """
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim != 3:
        raise ValueError(f"`pixels`: expected (H, W, C) of uint8 or uint16, got {pixels.dtype} {pixels.shape}")
    for axis, target, factor in _plan((pixels.shape[0], pixels.shape[1]), to):
        pixels = np.moveaxis(_resized_rows(np.moveaxis(pixels, axis, 0), target, factor), 0, axis)
    return np.ascontiguousarray(pixels)


def resize_bicubic(x: Tensor, to: float | tuple[int, int]) -> Tensor:
    """Images resized by the same weights, differentiable, neither rounded nor clipped.

    Arguments:
        x: The images (..., H, W), of any floating type.
        to: The factor, which gives the size (ceil(f H), ceil(f W)), or the size (rows, columns) itself.

    Raises:
        ValueError: The images are no floating numbers or have no size, or the factor or size is not positive.

    Example:
        >>> resize_bicubic(torch.ones(1, 3, 8, 6), 1 / 2).shape
        torch.Size([1, 3, 4, 3])
    """
    if not x.is_floating_point() or x.ndim < 2:
        raise ValueError(f"`x`: expected images (..., H, W) of floating type, got {x.dtype} {tuple(x.shape)}")
    # Mixed precision would round the weights, and pixels, to half of their digits.
    with torch.autocast(x.device.type, enabled=False):
        for axis, target, factor in _plan((x.shape[-2], x.shape[-1]), to):
            x = _resized(x, axis - 2, target, factor)
    return x


def _resized(x: Tensor, axis: int, target: int, factor: float) -> Tensor:
    parts = []
    for first, last, weights in _bands(x.shape[axis], target, factor):
        matrix = torch.from_numpy(weights).to(x.dtype).to(x.device)
        part = x.narrow(axis, first, last - first)
        parts.append(matrix @ part if axis == -2 else part @ matrix.T)
    return torch.cat(parts, axis)


def _resized_rows(pixels: Pixels, target: int, factor: float) -> Pixels:
    rows = np.ascontiguousarray(pixels).reshape(len(pixels), -1)
    resized = np.empty((target, rows.shape[1]), pixels.dtype)
    highest = np.iinfo(pixels.dtype).max + 0.5
    done = 0
    for first, last, weights in _bands(len(rows), target, factor):
        band = resized[done : done + len(weights)]
        # What is cut off behind the point makes it round.
        band[:] = (weights @ rows[first:last].astype(np.float64) + 0.5).clip(0, highest)
        done += len(weights)
    return resized.reshape(target, *pixels.shape[1:])


def _plan(size: tuple[int, int], to: float | tuple[int, int]) -> list[tuple[int, int, float]]:
    """The axes in the order in which they are resized, with the new length and the factor of each."""
    if isinstance(to, tuple):
        lengths = to
        factors = (to[0] / max(size[0], 1), to[1] / max(size[1], 1))
    else:
        factors = (float(to), float(to))
        lengths = (math.ceil(to * size[0]), math.ceil(to * size[1]))
    if min(*size, *lengths) < 1:
        raise ValueError(
            f"`to`: {to} is no factor or size for a picture of {size[0]} x {size[1]}; both must be positive"
        )
    return sorted(zip((0, 1), lengths, factors, strict=True), key=lambda step: step[2])


@lru_cache(maxsize=64)
def _bands(length: int, target: int, factor: float) -> Sequence[tuple[int, int, NDArray[np.float64]]]:
    """The linear map of one axis in bands of output samples: the inputs from first to last, and their weights."""
    sources, weights = _taps(length, target, factor)
    bands = []
    for start in range(0, target, _BAND):
        some = slice(start, min(start + _BAND, target))
        first, last = int(sources[some].min()), int(sources[some].max()) + 1
        dense = np.zeros((some.stop - start, last - first))
        rows = np.arange(some.stop - start)[:, None]
        np.add.at(dense, (rows, sources[some] - first), weights[some])
        bands.append((first, last, dense))
    return tuple(bands)


def _taps(length: int, target: int, factor: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each output sample the inputs that it is a sum of, and their weights, (target, taps) both."""
    narrow = min(factor, 1.0)
    centres = (np.arange(target) + 0.5) / factor - 0.5
    taps = math.ceil(4 / narrow) + 2
    sources = np.floor(centres - 2 / narrow).astype(np.int64)[:, None] + np.arange(taps)
    weights = _kernel(narrow * (centres[:, None] - sources))
    mirrored = sources % (2 * length)
    return np.minimum(mirrored, 2 * length - 1 - mirrored), weights / weights.sum(1, keepdims=True)


def _kernel(t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys' cubic (1981), equation 15."""
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t <= 1, near, np.where(t <= 2, far, 0.0))
