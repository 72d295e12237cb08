"""Several guesses of one picture, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from tempfile import TemporaryFile
from typing import Any
from weakref import finalize

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.pictures.samples import to_pixels

SPREAD_WHITE = 32 / 255
"""The standard deviation that is white in the picture of the spread, of values in [0, 1]."""


class Guesses:
    r"""Several guesses and a picture of their standard deviation at each pixel, made in one pass.

    .. math:: \sigma = \sqrt{\tfrac{1}{n - 1} \sum_i (y_i - \bar y)^2}

    the mean over the colours, grey, black where all guesses agree and white from `SPREAD_WHITE` on: where it is bright,
    the enlargement is a guess. Files are written one by one, so that all but the first wait on the disk.

    Arguments:
        guesses: The strips of each guess, :math:`(C, h, W)`, alike in height; two guesses or more.
        has_alpha: Whether the last channel is alpha, which all guesses share.
        dtype: The type of the pixels.
    """

    def __init__(self, guesses: Sequence[Iterator[Tensor]], has_alpha: bool, dtype: np.dtype[Any]) -> None:
        self._guesses, self._has_alpha, self._dtype = guesses, has_alpha, dtype
        self._sum, self._pixels = 0.0, 0
        self.beside = [_Waiting() for _ in guesses]
        """The strips of the further guesses and then of the spread, once those of the first one are through."""

    def strips(self) -> Iterator[NDArray[Any]]:
        r"""The strips of the first guess, :math:`(h, W, C)`."""
        for parts in zip(*self._guesses, strict=True):
            first, *others = (to_pixels(part, self._dtype) for part in (*parts, self._spread(torch.stack(parts))))
            for waiting, strip in zip(self.beside, others, strict=True):
                waiting.add(strip)
            yield first

    def numbers(self) -> dict[str, float]:
        """The mean of the spread and what is white, in [0, 1], once all strips are through."""
        return {"spread": self._sum / self._pixels, "spread_white": SPREAD_WHITE}

    def _spread(self, guesses: Tensor) -> Tensor:
        colours = guesses[:, : guesses.shape[1] - self._has_alpha].clamp(0, 1)
        deviation = colours.std(0).mean(0, keepdim=True)
        self._sum += float(deviation.sum(dtype=torch.float64))
        self._pixels += deviation.numel()
        grey = (deviation / SPREAD_WHITE).clamp(max=1).expand(colours.shape[1], -1, -1)
        return torch.cat([grey, guesses[0, colours.shape[1] :]])


class _Waiting:
    """Strips in a file without a name, which is gone with them."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it is closed below
        finalize(self, self._file.close)
        self._strips: list[tuple[tuple[int, ...], np.dtype[Any]]] = []

    def add(self, strip: NDArray[Any]) -> None:
        self._strips.append((strip.shape, strip.dtype))
        self._file.write(strip.tobytes())

    def __iter__(self) -> Iterator[NDArray[Any]]:
        self._file.seek(0)
        for shape, dtype in self._strips:
            yield np.frombuffer(self._file.read(math.prod(shape) * dtype.itemsize), dtype).reshape(shape)
