"""What needs no larger original: whether an enlarged picture, made small again, is the one that it is of."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.pictures.samples import to_tensor
from nflows_sr.degradations import resize_bicubic

_REACH = 2
"""Rows of the small picture that the kernel covers to each side."""


class Consistency:
    r"""LR-PSNR: :math:`-10 \log_{10}` of the mean squared difference of a picture and its enlarged one made small.

    Both are in [0, 1], and the enlarged one is made small bicubically, not rounded. A pixel counts as far as it is
    seen: by its alpha. It tells which pictures an engine has taken liberties with: colours that are shifted, edges that
    have moved. (Lugmayr et al. 2020, "SRFlow", section 5.1.)

    Arguments:
        source: The picture.
        scale: How many times the sides grow.
    """

    def __init__(self, source: PictureFile, scale: int) -> None:
        self._source, self._scale = source, scale
        self._colours = source.shape[2] - source.about.has_alpha
        self._sum, self._weight, self._done = 0.0, 0.0, 0
        self._first, self._rows = 0, torch.empty(self._colours, 0, scale * source.shape[1])

    def watched(self, strips: Iterator[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """The same strips, compared as they pass."""
        for strip in strips:
            self._add(to_tensor(strip[..., : self._colours]))
            yield strip

    def numbers(self) -> dict[str, float | None]:
        """The number once all strips are through; nothing where there is no difference at all."""
        return {"lr_psnr_db": -10 * math.log10(self._sum / self._weight) if self._sum > 0 else None}

    def _add(self, strip: Tensor) -> None:
        height, width, _ = self._source.shape
        self._rows = torch.cat([self._rows, strip], dim=1)
        known = self._first + self._rows.shape[1] // self._scale
        stop = height if known == height else known - _REACH
        if stop <= self._done:
            return
        small = resize_bicubic(self._rows, (known - self._first, width))
        before, seen = to_tensor(self._source.rows(self._done, stop)).tensor_split([self._colours])
        after = small[:, self._done - self._first : stop - self._first]
        weight = seen if len(seen) else torch.ones_like(before[:1])
        self._sum += float((after - before).square_().mul_(weight).sum(dtype=torch.float64))
        self._weight += self._colours * float(weight.sum(dtype=torch.float64))
        self._done = stop
        self._let_go(max(self._first, stop - _REACH))

    def _let_go(self, first: int) -> None:
        """Of the rows above the one that is needed next."""
        self._rows = self._rows[:, self._scale * (first - self._first) :].clone()
        self._first = first
