r"""What makes a picture unsharp: a lens out of focus, a shaken camera, a zoom during the exposure, few pixels."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, interpolate

from nflows_heritage.distortions.levels import at_level
from nflows_sr.degradations import blur as filtered
from nflows_sr.degradations import gaussian_kernel

_SIGMAS = (0.8, 1.2, 1.7, 2.3, 3.0)
_LENGTHS = (4.0, 7.0, 11.0, 16.0, 22.0)
_ZOOMS = (0.012, 0.022, 0.036, 0.052, 0.07)
_BLOCKS = (2.0, 3.0, 4.0, 6.0, 8.0)
_REACH = 3.0
"""Where a Gaussian is cut off, in standard deviations."""
_MIDDLE = 0.3
"""The part of the picture, around its middle, in which the centre of a zoom lies."""


def blur_kernel(sigma: float) -> Tensor:
    """The kernel (K, K) of a lens out of focus: a Gaussian of this standard deviation in pixels."""
    return gaussian_kernel(2 * math.ceil(_REACH * sigma) + 1, (sigma, sigma))


def motion_kernel(length: float, angle: float) -> Tensor:
    """The kernel (K, K) of a camera that moved evenly on a line.

    Arguments:
        length: The length of the way in pixels.
        angle: The angle from the x axis, in radians; a turn by half a circle changes nothing.
    """
    reach = math.ceil(length / 2)
    t = torch.linspace(-0.5, 0.5, 16 * math.ceil(length) + 1, dtype=torch.float64) * length
    x, y = t * math.cos(angle) + reach, t * math.sin(angle) + reach
    kernel = torch.zeros(2 * reach + 2, 2 * reach + 2, dtype=torch.float64)
    for right in (0, 1):  # each point is shared by the four pixels around it
        for down in (0, 1):
            column, row = x.floor().long() + right, y.floor().long() + down
            kernel.index_put_((row, column), (1 - (x - column).abs()) * (1 - (y - row).abs()), accumulate=True)
    kernel = kernel[:-1, :-1]
    return (kernel / kernel.sum()).float()


def zoomed(image: Tensor, zoom: float, centre: tuple[float, float]) -> Tensor:
    r"""The mean of the picture at the sizes :math:`1 - a` to :math:`1 + a` around a centre.

    .. math:: y(p) = \int_{-1}^1 \tfrac12 x(c + (1 + a t)(p - c)) \, dt

    Arguments:
        image: The picture (C, H, W).
        zoom: The extent :math:`a`.
        centre: The centre :math:`c`, across and down, from -1 to 1.
    """
    height, width = image.shape[-2:]
    steps = 2 * math.ceil(zoom * math.hypot(height, width)) + 1
    total = torch.zeros_like(image)
    for size in torch.linspace(1 - zoom, 1 + zoom, steps).tolist():
        matrix = image.new_tensor([[[size, 0, (1 - size) * centre[0]], [0, size, (1 - size) * centre[1]]]])
        grid = affine_grid(matrix, [1, *image.shape], align_corners=False)
        total += grid_sample(image[None], grid, padding_mode="border", align_corners=False)[0]
    return total / steps


def in_blocks(image: Tensor, side: int) -> Tensor:
    """Each pixel the mean of its square block; blocks at the right and the bottom may be cut off."""
    means = avg_pool2d(image[None], side, ceil_mode=True, count_include_pad=False)
    blocks = interpolate(means, scale_factor=side, mode="nearest")[0]
    return blocks[:, : image.shape[1], : image.shape[2]]


def blur(image: Tensor, level: float, generator: Generator) -> Tensor:
    """A lens out of focus, by up to 3 pixels."""
    return filtered(image, blur_kernel(at_level(level, _SIGMAS)))


def motion(image: Tensor, level: float, generator: Generator) -> Tensor:
    """A camera moved on a line in any direction, by 4 to 22 pixels."""
    angle = math.pi * float(torch.rand((), generator=generator))
    return filtered(image, motion_kernel(at_level(level, _LENGTHS), angle))


def radial(image: Tensor, level: float, generator: Generator) -> Tensor:
    """A zoom by 1.2 to 7 % of the size to either side, around a point near the middle."""
    x, y = (_MIDDLE * (2 * torch.rand(2, generator=generator) - 1)).tolist()
    return zoomed(image, at_level(level, _ZOOMS), (x, y))


def pixelate(image: Tensor, level: float, generator: Generator) -> Tensor:
    """Blocks of 2 to 8 pixels of one colour."""
    return in_blocks(image, round(at_level(level, _BLOCKS)))
