r"""What is different between two pictures, where it may be and where it may not."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nflows_privacy.masks import Rectangle, mask_of

Pixels = NDArray[Any]


@dataclass(frozen=True)
class Change:
    """How two pictures differ.

    Arguments:
        share: The share of the pixels that differ.
        outside: How many pixels differ outside of the rectangles: none, if what wrote the picture touched nothing else.
        psnr_db: The peak signal-to-noise ratio outside of the rectangles, in decibels; nothing where nothing differs
            there.
        step: How much higher the step across the edge of what was changed is than in the picture before, in grey
            levels of 255: how much a seam shows. Nothing where there is no edge.
    """

    share: float
    outside: int
    psnr_db: float | None
    step: float | None


def change_of(before: Pixels, after: Pixels, rectangles: list[Rectangle]) -> Change:
    """Compares two pictures.

    Arguments:
        before: The pixels :math:`(H, W, C)`, uint8 or uint16.
        after: Those of the other picture.
        rectangles: Where the picture may have changed.

    Raises:
        ValueError: They differ in size, channels or depth.
    """
    if before.shape != after.shape or before.dtype != after.dtype:
        raise ValueError(f"was {_said(before)}, and is {_said(after)}: not the same picture")
    differs = (before != after).any(2)
    outside = ~mask_of(rectangles, *differs.shape)
    differing = int((differs & outside).sum())
    ratio = _psnr(before[outside], after[outside]) if differing else None
    return Change(float(differs.mean()), differing, ratio, step_across(before, after, _changed(differs, rectangles)))


def step_across(before: Pixels, after: Pixels, mask: NDArray[np.bool_]) -> float | None:
    r"""The mean step across the edge of a mask, beyond that of the picture before.

    .. math:: \operatorname{mean}_{(p, q)} |a_p - a_q| - \operatorname{mean}_{(p, q)} |b_p - b_q|

    over the neighbours :math:`p` inside and :math:`q` outside, :math:`a` and :math:`b` the mean of the channels, in
    grey levels of 255.

    Arguments:
        before: The pixels b, :math:`(H, W, C)`.
        after: The pixels a.
        mask: What was changed, :math:`(H, W)`.
    """
    beside, below = mask[:, 1:] != mask[:, :-1], mask[1:] != mask[:-1]
    if not (beside.any() or below.any()):
        return None
    steps = []
    for pixels in (after, before):
        grey = pixels.mean(2, dtype=np.float64) * (255 / np.iinfo(pixels.dtype).max)
        across, down = np.abs(np.diff(grey, axis=1))[beside], np.abs(np.diff(grey, axis=0))[below]
        steps.append(np.concatenate([across, down]).mean())
    return float(steps[0] - steps[1])


def _changed(differs: NDArray[np.bool_], rectangles: list[Rectangle]) -> NDArray[np.bool_]:
    """In each rectangle, the smallest one with all that has changed: tools grow their masks differently."""
    mask = np.zeros_like(differs)
    for rectangle in rectangles:
        rows, columns = np.nonzero(differs[rectangle.slices])
        if len(rows):
            down = slice(rectangle.top + rows.min(), rectangle.top + rows.max() + 1)
            across = slice(rectangle.left + columns.min(), rectangle.left + columns.max() + 1)
            mask[down, across] = True
    return mask


def _psnr(before: Pixels, after: Pixels) -> float:
    error = float(np.square(before.astype(np.float64) - after).mean())
    return 20 * math.log10(np.iinfo(before.dtype).max) - 10 * math.log10(error)


def _said(pixels: Pixels) -> str:
    height, width, channels = pixels.shape
    return f"{width} x {height} with {channels} channels of {8 * pixels.itemsize} bits"
