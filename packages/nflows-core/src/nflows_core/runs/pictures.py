"""What a flow draws and gives back, as picture files."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize
from nflows_core.evaluation import image_grid, reconstruction_grid
from nflows_core.flow import Flow
from nflows_core.runs.conditioning import NO_CLASSES, ClassRows
from nflows_core.runtime.images import Picture, write_picture


def save_samples(
    flow: Flow, path: Path, n: int, *, temperature: float = 1.0, seed: int = 0, rows: ClassRows = NO_CLASSES
) -> None:
    """Draws images from a flow into one PNG.

    Arguments:
        flow: The flow that draws.
        path: The file to write.
        n: The number of images, where ``rows`` does not say.
        temperature: The standard deviation of the latents.
        seed: The seed of the latents.
        rows: The classes to draw, of a conditional flow, as many images of each.
    """
    like = next(flow.parameters())
    generator = torch.Generator(like.device).manual_seed(seed)
    context = None if rows.context is None else rows.context.to(like)
    samples = flow.sample(n if context is None else len(context), temperature, context, generator)
    write_picture(path, Picture(image_grid(samples, rows.columns)))


@torch.no_grad()
def save_reconstruction(
    flow: Flow, images: Images, path: Path, *, n: int = 10, seed: int = 0, context: Tensor | None = None
) -> str:
    """Encodes and decodes images into one PNG, as `reconstruction_grid` shows them.

    Arguments:
        flow: The flow that encodes and decodes.
        images: The images, quantized as the flow expects.
        path: The file to write.
        n: The number of images to take, the first ones.
        seed: The seed of the dequantization noise.
        context: The conditioning vectors of the images, :math:`(N, D)`, or nothing.

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
