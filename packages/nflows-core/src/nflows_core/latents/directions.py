r"""The direction of the latents that an attribute goes along with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.flow import Flow
from nflows_core.latents.vectors import decode_vectors, encode_vectors

MINIMUM_IMAGES = 10
"""From fewer, the direction says more about the images than about the attribute."""

_BATCH = 500


@dataclass(frozen=True, eq=False)
class AttributeDirection:
    """How the mean of the latents changes with an attribute.

    Arguments:
        vector: The change for one standard deviation of the attribute, :math:`(CHW,)`.
        mean: The mean of the attribute.
        standard_deviation: The standard deviation of the attribute, in its own unit.
        images: The number of images that it is from.
    """

    vector: Tensor
    mean: float
    standard_deviation: float
    images: int


@torch.no_grad()
def attribute_direction(
    flow: Flow, images: Images, values: Tensor | ArrayLike, context: Tensor | None = None, seed: int = 0
) -> AttributeDirection:
    r"""The direction of an attribute, from its covariance with the latents (Nagar 2025, section 2.4).

    .. math:: d = \frac{\operatorname{Cov}(z, \tilde a)}{\operatorname{Var}(\tilde a)}
        = \frac{1}{N} \sum_n \tilde a_n z_n, \qquad \tilde a_n = \frac{a_n - \bar a}{s_a}

    the slope of the regression of the latents on the standardized attribute: images with one standard deviation more
    of the attribute have latents that differ by :math:`d` on average. For an attribute that is 0 or 1,
    :math:`d / s_a` is the difference of the two means, the direction of Kingma & Dhariwal (2018, section 6). Each
    entry of :math:`d` has a standard error of about :math:`1 / \sqrt{N}`.

    Arguments:
        flow: The flow that encodes the images.
        images: The images, quantized as the flow expects, at least `MINIMUM_IMAGES`.
        values: The attribute of each image, :math:`(N,)`; an array or a list as well.
        context: The context of the images, vectors or maps, or nothing.
        seed: The seed of the dequantization noise.

    Raises:
        ValueError: The images do not fit the flow or are too few, or the values are constant, not finite, of another
            number, or so large or so near to each other that float64 has no standard deviation of them.
    """
    values = torch.as_tensor(values)
    _check(flow, images, values)
    place = flow.device, flow.dtype
    values = values.double()
    mean, deviation = _spread(values)
    standardized = ((values - mean) / deviation).to(*place)
    generator = flow.generator(seed)
    total = standardized.new_zeros(images.pixels[0].numel())
    for start in range(0, len(images), _BATCH):
        chosen = slice(start, start + _BATCH)
        x = dequantize(images.pixels[chosen].to(*place), images.quantization, generator)
        z = encode_vectors(flow, x, None if context is None else context[chosen].to(*place))
        total += standardized[chosen] @ z
    return AttributeDirection(total / len(images), mean, deviation, len(images))


@torch.no_grad()
def edit(
    flow: Flow, x: Tensor, direction: AttributeDirection, amounts: Sequence[float], context: Tensor | None = None
) -> Tensor:
    r"""Moves images along an attribute: :math:`f^{-1}(f(x) + \alpha d)` for each amount :math:`\alpha`.

    Arguments:
        flow: The flow that encodes and decodes.
        x: Images with values in :math:`[0, 1]`, :math:`(B, C, H, W)`.
        direction: The direction of the attribute, from the same flow.
        amounts: The amounts of the edits, in standard deviations of the attribute; 0 gives ``x`` back.
        context: The context of the images, vectors or maps, or nothing.

    Returns:
        The edited images, :math:`(B, A, C, H, W)` for :math:`A` amounts.

    Raises:
        ValueError: There is no amount, or one is not finite.
    """
    if not len(amounts) or not all(map(math.isfinite, amounts)):
        raise ValueError(f"amounts: expected one finite number or more, got {amounts}")
    z, step = encode_vectors(flow, x, context), direction.vector.to(x)
    return torch.stack([decode_vectors(flow, z + amount * step, context) for amount in amounts], dim=1)


def _check(flow: Flow, images: Images, values: Tensor) -> None:
    if (images.shape, images.quantization) != (flow.shape, flow.quantization):
        raise ValueError(
            f"the flow takes images of shape {flow.shape} with {flow.quantization} values a pixel, these have "
            f"{images.shape} with {images.quantization}; give others"
        )
    if values.shape != (len(images),):
        raise ValueError(f"{len(images)} images need one value each, got values of shape {tuple(values.shape)}")
    if len(values) < MINIMUM_IMAGES:
        raise ValueError(f"a direction needs the attribute of at least {MINIMUM_IMAGES} images, got {len(values)}")
    if not values.isfinite().all():
        bad = int((~values.isfinite()).nonzero()[0])
        raise ValueError(f"image {bad} has the attribute {values[bad].item()}; leave it out or repair it")
    if values.min() == values.max():
        raise ValueError(f"the attribute is {values[0].item():g} for all {len(values)} images; give one that varies")


def _spread(values: Tensor) -> tuple[float, float]:
    """The mean and the standard deviation of values in float64."""
    mean, deviation = values.mean().item(), values.std(correction=0).item()
    if not 0 < deviation < math.inf:
        raise ValueError(
            f"the attribute goes from {values.min().item():g} to {values.max().item():g}, of which float64 has no "
            "standard deviation; give it in another unit"
        )
    return mean, deviation
