r"""From integers to a continuous density and back."""

from __future__ import annotations

import torch
from torch import Tensor

from invconv.torch_internals import is_plain


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
    return dequantize_by(noise, pixels, quantization)


def dequantize_by(noise: Tensor, pixels: Tensor, quantization: int = 256) -> Tensor:
    r"""`dequantize` with given noise :math:`u \in [0, 1)`, of the shape of ``pixels`` and the type of the result."""
    dtype = noise.dtype
    # The sum, the quotient and the product in `quantize` round, by less than this much of a pixel's unit together:
    # noise closer to 0 or 1 could land on the neighboring value.
    margin = 2 * quantization * torch.finfo(dtype).eps
    if margin >= 0.5:
        raise ValueError(f"{dtype} is too coarse for noise on {quantization} values; convert the pixels to float32")
    return (pixels.to(dtype) + noise.clamp(margin, 1 - margin)) / quantization


def quantize(x: Tensor, quantization: int = 256) -> Tensor:
    r"""The integers :math:`\lfloor x n \rfloor`, clamped to :math:`[0, n)`, as uint8 or int32.

    Raises:
        TypeError: ``x`` has integers, which are pixels already.
        ValueError: A value is not a number.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        got = x.dtype if isinstance(x, Tensor) else type(x).__name__
        raise TypeError(f"x: expected a tensor of floats in [0, 1], got {got}")
    if is_plain(x) and x.isnan().any():
        raise ValueError("x: a value is not a number, and hence no pixel; the flow has diverged")
    dtype = torch.uint8 if quantization <= 256 else torch.int32
    return (x * quantization).floor().clamp(0, quantization - 1).to(dtype)


def to_8_bits(x: Tensor, quantization: int = 256) -> Tensor:
    r"""The pixels of a picture file, :math:`p = \lceil 255 k / (n - 1) \rceil` for the integer :math:`k` of `quantize`.

    White is 255, and :math:`\lfloor p n / 256 \rfloor = k`: read again and quantized, the pixels are the same.
    """
    return ((255 * quantize(x, quantization).int() + quantization - 2) // (quantization - 1)).to(torch.uint8)
