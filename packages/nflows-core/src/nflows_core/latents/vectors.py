r"""All latents of an image as one vector of the standard normal base."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nflows_core.flow import Flow


def encode_vectors(flow: Flow, x: Tensor, context: Tensor | None = None) -> Tensor:
    r"""Every latent of the images, those factored out first, in one vector each.

    Arguments:
        flow: The flow that encodes.
        x: Images with values in :math:`[0, 1]`, :math:`(B, C, H, W)`.
        context: The context of the images, vectors or maps, or nothing.

    Returns:
        Standard normal under the model, :math:`(B, CHW)`.
    """
    return torch.cat([latent.flatten(1) for latent in flow.encode(x, context)], dim=1)


def decode_vectors(flow: Flow, z: Tensor, context: Tensor | None = None) -> Tensor:
    """The images, :math:`(B, C, H, W)`, of what `encode_vectors` gave.

    Raises:
        ValueError: The vectors are of another length.
    """
    shapes = flow.latent_shapes
    if z.shape[1:] != (math.prod(flow.shape),):
        raise ValueError(f"expected vectors of shape (B, {math.prod(flow.shape)}), got {tuple(z.shape)}")
    parts = torch.split(z, [math.prod(shape) for shape in shapes], dim=1)
    return flow.decode([part.reshape(-1, *shape) for part, shape in zip(parts, shapes, strict=True)], context)
