"""What a flow gives back, as a picture file."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.evaluation import reconstruction_grid
from nflows_core.flow import Flow
from nflows_core.runtime.images import Picture, write_picture


@torch.no_grad()
def save_reconstruction(
    flow: Flow, images: Images, path: str | Path, *, n: int = 10, seed: int = 0, context: Tensor | None = None
) -> str:
    """Encodes and decodes images into one PNG, as `reconstruction_grid` shows them.

    Arguments:
        flow: The flow that encodes and decodes.
        images: The images, quantized as the flow expects.
        path: The file to write.
        n: The number of images to take, the first ones.
        seed: The seed of the dequantization noise.
        context: The context of the images, vectors or maps, or nothing.

    Returns:
        What the picture shows.
    """
    like = next(flow.parameters())
    generator = torch.Generator(like.device).manual_seed(seed)
    x = dequantize(images.pixels[:n].to(like), images.quantization, generator)
    context = None if context is None else context[:n].to(like)
    grid = reconstruction_grid(x, flow.decode(flow.encode(x, context), context))
    write_picture(path, Picture(grid.pixels))
    return grid.caption
