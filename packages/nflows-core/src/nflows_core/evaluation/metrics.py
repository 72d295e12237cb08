"""Numbers that describe a flow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nflows_core.bijections.base import check_count
from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.flow import Flow
from nflows_core.runtime.intervals import normal


@dataclass(frozen=True)
class BitsPerDim:
    """The mean of bits per dimension over images, and how sure it is.

    Arguments:
        mean: The mean, in bits.
        standard_error: The standard error of the mean, from the spread among the images.
        n: The number of images.
    """

    mean: float
    standard_error: float
    n: int

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the mean, by the normal approximation."""
        return normal(self.mean, self.standard_error)

    @classmethod
    def of(cls, values: Tensor) -> BitsPerDim:
        """Summarizes the bits per dimension of each image, :math:`(N,)`.

        Raises:
            ValueError: There are fewer than two.
            FloatingPointError: One is not finite.
        """
        if len(values) < 2:
            raise ValueError(f"bits per dimension need at least 2 images, got {len(values)}")
        if not values.isfinite().all():
            bad = int((~values.isfinite()).nonzero()[0])
            raise FloatingPointError(f"image {bad} has {values[bad].item()} bits per dimension; the flow has diverged")
        values = values.double()
        return cls(values.mean().item(), values.std().item() / math.sqrt(len(values)), len(values))


@torch.no_grad()
def bits_per_dim(
    flow: Flow, images: Images, batch_size: int = 500, seed: int = 0, context: Tensor | None = None
) -> BitsPerDim:
    r"""Bits per dimension of a flow, one draw of dequantization noise an image; see `Flow.bits_per_dim`.

    Arguments:
        flow: The flow that is measured.
        images: The images, quantized as the flow expects.
        batch_size: The number of images at a time.
        seed: The seed of the noise.
        context: The context of the images, vectors or maps, or nothing.
    """
    return BitsPerDim.of(bits_of_images(flow, images, batch_size, seed, context))


@torch.no_grad()
def bits_of_images(
    flow: Flow, images: Images, batch_size: int = 500, seed: int = 0, context: Tensor | None = None
) -> Tensor:
    """What `bits_per_dim` is the mean of: a value for each image, :math:`(N,)`, finite or not."""
    _check(flow, images)
    generator = flow.generator(seed)
    values = [
        flow.bits_per_dim(pixels, batch_context, generator).cpu()
        for pixels, batch_context in _batches(flow, images, batch_size, context)
    ]
    return torch.cat([torch.empty(0, dtype=flow.dtype), *values])


def reconstruction_error(
    flow: Flow,
    images: Images,
    n: int = 1000,
    batch_size: int = 500,
    seed: int = 0,
    context: Tensor | None = None,
) -> float:
    r"""The largest :math:`|f^{-1}(f(x)) - x|` of any pixel of the first ``n`` images, dequantized to [0, 1).

    Arguments:
        flow: The flow that is measured.
        images: The images, quantized as the flow expects.
        n: The number of images to take.
        batch_size: The number of images at a time.
        seed: The seed of the dequantization noise.
        context: The context of the images, vectors or maps, or nothing.

    Raises:
        ValueError: There are no images, or ``n`` is no count.
        FloatingPointError: A reconstruction is not finite.
    """
    errors = reconstruction_errors(flow, images, n, batch_size, seed, context)
    if not len(errors):
        raise ValueError("there are no images to reconstruct; give at least one")
    largest = errors.max().item()
    if not math.isfinite(largest):
        raise FloatingPointError("a reconstructed image is not finite; the flow does not invert")
    return largest


@torch.no_grad()
def reconstruction_errors(
    flow: Flow,
    images: Images,
    n: int = 1000,
    batch_size: int = 500,
    seed: int = 0,
    context: Tensor | None = None,
) -> Tensor:
    """What `reconstruction_error` is the largest of: that of each image, :math:`(N,)`, finite or not."""
    _check(flow, images)
    generator = flow.generator(seed)
    errors = []
    for pixels, batch_context in _batches(flow, images[: check_count("n", n)], batch_size, context):
        x = dequantize(pixels.to(flow.dtype), images.quantization, generator)
        difference = flow.decode(flow.encode(x, batch_context), batch_context) - x
        errors.append(difference.abs().flatten(1).amax(1).cpu())
    return torch.cat([torch.empty(0, dtype=flow.dtype), *errors])


def parameters(flow: nn.Module) -> int:
    """How many numbers are learned."""
    return sum(parameter.numel() for parameter in flow.parameters() if parameter.requires_grad)


def _check(flow: Flow, images: Images) -> None:
    if flow.quantization != images.quantization:
        raise ValueError(
            f"the flow models pixels of {flow.quantization} values, but the images have {images.quantization}"
        )


def _batches(
    flow: Flow, images: Images, batch_size: int, context: Tensor | None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    for start in range(0, len(images), check_count("batch_size", batch_size)):
        chosen = slice(start, min(start + batch_size, len(images)))
        pixels = images.pixels[chosen].to(flow.device)
        yield pixels, None if context is None else context[chosen].to(flow.device, flow.dtype)
