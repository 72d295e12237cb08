"""What JPEG leaves of an image."""

from __future__ import annotations

import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def jpeg(image: Tensor, quality: int) -> Tensor:
    """An image compressed and decoded again, with colours at half the resolution (4:2:0), on the CPU.

    Arguments:
        image: The image (C, H, W) in [0, 1], C = 1 or 3; it is clipped and rounded to 8 bits.
        quality: The quality as libjpeg counts it, from 1 to 100.

    Returns:
        The image of the same shape, type and device, its values multiples of 1 / 255.

    Raises:
        ValueError: The image has another number of channels, or there is no such quality.
    """
    if image.ndim != 3 or len(image) not in (1, 3):
        raise ValueError(f"`image`: expected (1 or 3, H, W), got {tuple(image.shape)}")
    if not 1 <= quality <= 100:
        raise ValueError(f"`quality`: expected 1 to 100, got {quality}")
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels.squeeze(2) if len(image) == 1 else pixels).save(file, "JPEG", quality=quality, subsampling=2)
    decoded = np.atleast_3d(np.array(Image.open(file)))
    return torch.from_numpy(decoded).permute(2, 0, 1).to(image) / 255
