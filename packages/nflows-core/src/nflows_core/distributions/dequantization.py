r"""From integers to a continuous density and back."""

from __future__ import annotations

import torch
from torch import Tensor


def dequantize(pixels: Tensor, quantization: int = 256, generator: torch.Generator | None = None) -> Tensor:
    r"""Uniform dequantization :math:`(x + u) / n`, :math:`u \sim U[0, 1)` (Theis et al. 2016).

    Arguments:
        pixels: Integers in :math:`[0, n)`, any shape, any dtype.
        quantization: The number of values, :math:`n`.
        generator: The source of the noise, on the device of ``pixels``.

    Returns:
        Values in :math:`[0, 1)`; `quantize` gives ``pixels`` back.
    """
    dtype = pixels.dtype if pixels.is_floating_point() else torch.get_default_dtype()
    noise = torch.rand(pixels.shape, generator=generator, device=pixels.device, dtype=dtype)
    x = (pixels.to(dtype) + noise) / quantization
    # Rounding can reach the next integer: in float32 255 + (1 - 2^-24) is 256.
    return torch.minimum(x, (pixels.to(dtype) + 1 - quantization * torch.finfo(dtype).eps) / quantization)


def quantize(x: Tensor, quantization: int = 256) -> Tensor:
    """The integers :math:`\\lfloor x n \\rfloor`, clamped to :math:`[0, n)`, as uint8 or int32."""
    dtype = torch.uint8 if quantization <= 256 else torch.int32
    return (x * quantization).floor().clamp(0, quantization - 1).to(dtype)
