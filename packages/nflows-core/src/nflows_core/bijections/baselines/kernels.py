r"""Kernels with a center: their checks, their start, and their zero-padded convolution."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def check_odd(kernel_size: int, layer: str) -> None:
    """ValueError unless a kernel of this height and width has a center."""
    if not isinstance(kernel_size, int) or kernel_size < 1 or kernel_size % 2 == 0:
        raise ValueError(f"{layer}: kernel_size must be odd, so that the kernel has a center, got {kernel_size}")


def orthogonal_center(channels: int, kernel_size: int) -> Tensor:
    """A kernel, :math:`(C, C, k, k)`, that mixes the channels of a pixel by a random orthogonal matrix."""
    kernel = torch.zeros(channels, channels, kernel_size, kernel_size)
    rotation = torch.linalg.qr(torch.randn(channels, channels))[0]
    kernel[:, :, kernel_size // 2, kernel_size // 2] = rotation
    return kernel


def zero_padded_conv2d(x: Tensor, kernel: Tensor) -> Tensor:
    """The convolution of images with a kernel of odd size that keeps height and width.

    It is as precise as PyTorch's: on a GPU that has TF32, an inverse made of it is exact to about 1e-3 unless
    ``torch.backends.cudnn.conv.fp32_precision`` is "ieee".
    """
    with torch.autocast(x.device.type, enabled=False):
        return F.conv2d(x, kernel, padding=kernel.shape[-1] // 2)
