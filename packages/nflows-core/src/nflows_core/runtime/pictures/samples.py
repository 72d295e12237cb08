"""Samples of pictures as tensors, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import Tensor


def to_tensor(pixels: NDArray[np.uint8 | np.uint16]) -> Tensor:
    r"""Pixels :math:`(H, W, C)` as :math:`(C, H, W)`, float32 in [0, 1]: :math:`k / 255`, or :math:`k / 65535`.

    Grey is one channel; where there is alpha, it is the last one.
    """
    samples = torch.from_numpy(np.ascontiguousarray(pixels).astype(np.float32)).permute(2, 0, 1)
    return samples.contiguous().div_(np.iinfo(pixels.dtype).max)


def to_pixels(samples: Tensor, dtype: DTypeLike) -> NDArray[Any]:
    r"""A tensor :math:`(C, H, W)` as pixels :math:`(H, W, C)` of a type: what `to_tensor` was given comes back.

    Values are clamped to [0, 1] and rounded to the nearest of 256 or 65,536 levels, halves to the even one.

    Arguments:
        samples: The values, without NaN.
        dtype: Either uint8 or uint16.
    """
    most = np.iinfo(np.dtype(dtype)).max
    levels = samples.detach().float().cpu().clamp(0, 1).mul_(most).round_()
    return np.ascontiguousarray(levels.permute(1, 2, 0).numpy().astype(dtype))
