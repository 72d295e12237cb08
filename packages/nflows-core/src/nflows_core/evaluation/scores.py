r"""How likely a flow finds each image, for telling what is unlike all others."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from nflows_core.bijections.base import check_count
from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize_by
from nflows_core.distributions.generator import seeded_generator
from nflows_core.flow import Flow


@torch.no_grad()
def log_probs(
    flow: Flow, images: Images, *, draws: int = 4, seed: int = 0, context: Tensor | None = None, batch_size: int = 100
) -> Tensor:
    r"""The log-density of each image in nats, a mean over draws of dequantization noise.

    .. math:: s(x) = \frac{1}{K} \sum_k \log p\left(\frac{x + u_k}{n}\right), \qquad u_k \sim U[0, 1)^D

    Every image gets the same :math:`K` draws: its score depends on the seed and on itself, and not on what is scored
    with it; and the noise tells no image from another.

    Arguments:
        flow: The flow that scores.
        images: The images, of the flow's shape and quantization.
        draws: The number of draws, :math:`K`.
        seed: The seed of the noise.
        context: The context of the images, vectors or maps, or nothing.
        batch_size: The number of images at a time.

    Returns:
        The scores in float64, :math:`(N,)`, finite or not.

    Raises:
        ValueError: The images do not fit the flow, or a number is no count.
    """
    total = torch.zeros(len(images), dtype=torch.float64)
    for noise in shared_noise(flow, check_count("draws", draws), seed):
        batches = dequantized(flow, images, noise, context, check_count("batch_size", batch_size))
        scores = [flow.log_prob(x, batch_context).double().cpu() for x, batch_context in batches]
        total += torch.cat([total[:0], *scores])
    return total / draws


def shared_noise(flow: Flow, draws: int, seed: int) -> Tensor:
    """Draws of noise for one image, :math:`(K, C, H, W)`, the same on every device."""
    return torch.rand(draws, *flow.shape, generator=seeded_generator(seed), dtype=flow.dtype).to(flow.device)


def dequantized(
    flow: Flow, images: Images, noise: Tensor, context: Tensor | None = None, batch_size: int = 100
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """The images with the same noise in each, on the flow's device, and their context, in batches."""
    if (images.shape, images.quantization) != (flow.shape, flow.quantization):
        raise ValueError(
            f"the flow takes images of shape {flow.shape} with {flow.quantization} values a pixel, these have "
            f"{images.shape} with {images.quantization}; give a size, or other images"
        )
    for start in range(0, len(images), batch_size):
        chosen = slice(start, start + batch_size)
        pixels = images.pixels[chosen].to(noise.device)
        x = dequantize_by(noise.expand(pixels.shape), pixels, images.quantization)
        yield x, None if context is None else context[chosen].to(noise)
