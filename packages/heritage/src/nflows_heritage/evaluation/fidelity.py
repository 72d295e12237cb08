r"""How near a restored picture is to what it was."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nflows_core.evaluation import PerceptualDistance
from nflows_core.evaluation.perceptual import LEAST_SIDE
from nflows_core.runtime.pictures.samples import to_tensor
from nflows_sr.metrics.fidelity import MOST_DB, WINDOW
from nflows_sr.metrics.fidelity import ssim as ssim_of_channel


def psnr(pixels: NDArray[Any], reference: NDArray[Any]) -> float:
    r"""The peak signal-to-noise ratio of all samples, in decibels, `MOST_DB` at most.

    Arguments:
        pixels: The picture, :math:`(H, W, C)`, of integers.
        reference: What it should be, of the same type.
    """
    error = float(np.mean((pixels.astype(np.float64) - reference) ** 2))
    most = float(np.iinfo(reference.dtype).max)
    return MOST_DB if error == 0 else min(MOST_DB, 10 * math.log10(most**2 / error))


def ssim(pixels: NDArray[Any], reference: NDArray[Any]) -> float | None:
    """The structural similarity, the mean of all channels; nothing of a picture smaller than its window."""
    if min(reference.shape[:2]) < WINDOW:
        return None
    first, second = (one * (255.0 / np.iinfo(reference.dtype).max) for one in (pixels, reference))
    channels = range(reference.shape[2])
    return float(np.mean([ssim_of_channel(first[..., each], second[..., each]) for each in channels]))


@torch.no_grad()
def perceptual(judge: PerceptualDistance, pixels: NDArray[Any], reference: NDArray[Any]) -> float | None:
    """The learned perceptual distance, of grey as three equal channels; nothing of a picture too small for it."""
    if min(reference.shape[:2]) < LEAST_SIDE:
        return None
    x, y = (2 * to_tensor(one).expand(3, -1, -1)[None] - 1 for one in (pixels, reference))
    return float(judge(x, y))
