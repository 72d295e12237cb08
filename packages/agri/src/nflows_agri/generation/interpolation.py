r"""From a crop of one class to a crop of another."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from nflows_agri.generation.generators import CropGenerator
from nflows_core.evaluation import image_grid
from nflows_core.latents.interpolation import slerp
from nflows_core.runtime.images import Picture, write_picture


@torch.no_grad()
def interpolation(generator: CropGenerator, first: int, second: int, steps: int, seed: int) -> Tensor:
    """Crops between two samples, uint8 :math:`(3, steps, 3, S, S)`, by three ways that begin at the first one.

    The latents of ``seed`` and ``seed + 1`` are mixed along the sphere on which latents lie, embeddings of classes
    along the line between them. First the latent alone changes, then the class alone, then both; the ends of each row
    are samples.

    Arguments:
        generator: What makes the crops.
        first: The class at the beginning.
        second: The class at the end.
        steps: The crops of a row, its ends among them.
        seed: The seed of the first latent.

    Raises:
        ValueError: There are fewer than two steps.
    """
    if steps < 2:
        raise ValueError(f"`steps`: an interpolation has 2 or more, its ends, got {steps}")
    start, end = torch.split(generator.latents([seed, seed + 1]), 1)
    one, other = torch.split(generator.embedding(torch.tensor([first, second])), 1)
    rows = []
    for last, becomes in ((end, one), (start, other), (end, other)):
        weights = torch.linspace(0, 1, steps).tolist()
        latents = torch.cat([slerp(start, last, weight) for weight in weights])
        embeddings = torch.cat([torch.lerp(one, becomes, weight) for weight in weights])
        rows.append(generator.decode(latents, embeddings).cpu())
    return torch.stack(rows)


def save_interpolation(
    generator: CropGenerator, first: str, second: str, path: str | Path, *, steps: int = 8, seed: int = 0
) -> None:
    """Writes `interpolation` between two classes, given by their names, as one picture.

    Raises:
        ValueError: The generator has no such class.
    """
    start, end = (class_number(generator, name) for name in (first, second))
    rows = interpolation(generator, start, end, steps, seed)
    write_picture(path, Picture(image_grid((rows.flatten(0, 1) + 0.5) / 256, steps)))


def class_number(generator: CropGenerator, name: str) -> int:
    """The place of a class.

    Raises:
        ValueError: There is none of such a name.
    """
    if name not in generator.classes:
        raise ValueError(f"there is no class {name!r}; the generator knows {', '.join(generator.classes)}")
    return generator.classes.index(name)
