r"""Interpolations and edits as picture files."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nflows_core.data.images import Images
from nflows_core.distributions.dequantization import dequantize, quantize
from nflows_core.evaluation.grids import image_grid
from nflows_core.flow import Flow
from nflows_core.latents.attributes import MEASURES, attribute_values, measured
from nflows_core.latents.directions import AttributeDirection, attribute_direction, edit
from nflows_core.latents.interpolation import interpolate
from nflows_core.latents.response import edit_response
from nflows_core.latents.table import AttributeTable
from nflows_core.runtime.images import Picture, write_picture

TRAINING_IMAGES = 5000
"""From how many images a direction is taken at most; more make it no better (``docs/reproduction.md``)."""

_BATCH = 100


def save_interpolation(
    flow: Flow,
    images: Images,
    pairs: Sequence[tuple[int, int]],
    steps: int,
    path: str | Path,
    context: Tensor | None = None,
) -> None:
    """Writes one PNG with a row for each pair of images; see `interpolate`.

    Arguments:
        flow: The flow that encodes and decodes.
        images: The images, quantized as the flow expects.
        pairs: The indices of the two images of each row.
        steps: The number of images of a row, with its ends.
        path: The file to write.
        context: The context of the images, vectors or maps, or nothing; a row goes from that of its start to its end's.
    """
    x = _dequantized(flow, images)
    context = None if context is None else context.to(x)
    rows = []
    for part in torch.split(torch.tensor(pairs), _BATCH):
        contexts = (None, None) if context is None else (context[part[:, 0]], context[part[:, 1]])
        rows.append(interpolate(flow, x[part[:, 0]], x[part[:, 1]], steps, *contexts))
    write_picture(path, Picture(image_grid(torch.cat(rows).flatten(0, 1), columns=steps)))


def find_direction(
    flow: Flow,
    name: str,
    training: Images,
    table: AttributeTable | None = None,
    context_of: Callable[[Images], Tensor | None] = lambda _: None,
) -> AttributeDirection:
    """The direction of an attribute from at most `TRAINING_IMAGES` of the images; see `attribute_values`.

    Arguments:
        flow: The flow that encodes the images.
        name: The name of the attribute.
        training: The images.
        table: The attributes of a file, if there is one.
        context_of: Gives the context of images for a conditional flow.
    """
    images, values = attribute_values(name, training, table, TRAINING_IMAGES)
    return attribute_direction(flow, images, values, context_of(images))


def save_edit(
    flow: Flow,
    images: Images,
    name: str,
    direction: AttributeDirection,
    amounts: Sequence[float],
    path: str | Path,
    context: Tensor | None = None,
) -> dict[str, Any]:
    """Edits images into one file: a grid with a row for each, or one image edited by one amount in its own size.

    Arguments:
        flow: The flow that encodes and decodes.
        images: The images, with names, quantized as the flow expects.
        name: The name of the attribute.
        direction: The direction of the attribute, from the same flow.
        amounts: The amounts of the edits, in standard deviations of the attribute.
        path: The file to write.
        context: The context of the images, vectors or maps, which an edit leaves as it is, or nothing.

    Returns:
        What was done, and for an attribute in `MEASURES` its values before and after.
    """
    x = _dequantized(flow, images)
    contexts = itertools.repeat(None) if context is None else torch.split(context.to(x), _BATCH)
    parts = zip(torch.split(x, _BATCH), contexts, strict=False)
    edited = torch.cat([edit(flow, part, direction, amounts, own) for part, own in parts])
    if not edited.isfinite().all():
        raise ValueError(f"an image edited by up to {max(amounts, key=abs):g} is not finite; give smaller amounts")
    if edited.shape[:2] == (1, 1):
        pixels = quantize(edited[0, 0], 256).permute(1, 2, 0).cpu().numpy()
    else:
        pixels = image_grid(edited.flatten(0, 1), columns=len(amounts))
    write_picture(path, Picture(pixels))
    return {
        "attribute": name,
        "attribute_mean": direction.mean,
        "attribute_standard_deviation": direction.standard_deviation,
        "training_images": direction.images,
        "images": len(images),
        "amounts": list(amounts),
        **(_measured(edited, images, amounts, name) if name in MEASURES else {}),
    }


def _measured(edited: Tensor, images: Images, amounts: Sequence[float], name: str) -> dict[str, Any]:
    before = measured(MEASURES[name], images).tolist()
    response = edit_response(edited, amounts, MEASURES[name], images.quantization)
    rows = zip(images.names, before, response.values.tolist(), strict=True)
    return {
        "mean_before": sum(before) / len(before),
        "means_after": response.means,
        "measured": {image: {"before": first, "after": after} for image, first, after in rows},
    }


def _dequantized(flow: Flow, images: Images) -> Tensor:
    return dequantize(images.pixels.to(flow.device, flow.dtype), images.quantization, flow.generator(0))
