"""One size for every image."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor
from torch.nn.functional import interpolate

from nflows_core.data.images import Images


def fit_square(pixels: Tensor, size: int) -> Tensor:
    """Scales the shorter side to ``size`` pixels and keeps the central square.

    Arguments:
        pixels: The images as uint8, :math:`(N, C, H, W)`.
        size: Side of the square.

    Returns:
        uint8, :math:`(N, C, size, size)`, by antialiased bicubic interpolation.
    """
    height, width = pixels.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = pixels[:, :, top : top + side, left : left + side]
    if side == size:
        return square
    return interpolate(square, (size, size), mode="bicubic", antialias=True)


def resize(images: Images, size: int) -> Images:
    """The same images as squares of ``size`` pixels; see `fit_square`."""
    pixels = fit_square(images.pixels, size)
    # Bicubic interpolation overshoots at edges, and only the limits of uint8 are kept by itself.
    return replace(images, pixels=pixels.clamp(max=images.quantization - 1))
