"""What a flow draws: as one picture, as a file each, or as an array."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.data.others import is_named_as_picture
from nflows_core.distributions.dequantization import to_8_bits
from nflows_core.evaluation import crossed_out, image_grid
from nflows_core.flow import Flow
from nflows_core.runs.arrays import write_array
from nflows_core.runs.conditioning import NO_CLASSES, ClassRows
from nflows_core.runtime.images import Picture, write_picture

BLOCK = 100
"""So many images have their latents drawn at once, whatever the batches are in which they are decoded."""


def save_samples(
    flow: Flow,
    path: str | Path,
    n: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    rows: ClassRows = NO_CLASSES,
    classes: Sequence[str] = (),
    batch_size: int = BLOCK,
) -> list[int]:
    """Draws images from a flow into a file or a folder; those that are not finite are crossed out, or left out.

    A name with a picture's suffix becomes one picture of all of them, in which a cross stands for what is not finite.
    ``.npy`` becomes an array, uint8 :math:`(N, H, W, C)`, and a name without a suffix a folder of PNG files, with
    a folder inside for each class of ``rows``; both are written as the images are drawn, without those not finite.

    Arguments:
        flow: The flow that draws.
        path: The file to write, or the folder, which must be empty or missing.
        n: The number of images, where ``rows`` does not say.
        temperature: The standard deviation of the latents.
        seed: The seed of the latents.
        rows: The classes or maps to draw, of a conditional flow, as many images of each.
        classes: The names of the classes, of a flow that is conditioned on them.
        batch_size: The number of images at a time, `BLOCK` at most; it changes nothing but rounding.

    Returns:
        The numbers of the images that are not finite.

    Raises:
        FileExistsError: The folder is not empty.
        ValueError: The name has another suffix.
    """
    path = Path(path)
    _check_name(path)
    n = n if rows.context is None else len(rows.context)
    batches = Finite(draw(flow, n, temperature=temperature, seed=seed, context=rows.context, batch_size=batch_size))
    if path.suffix == ".npy":
        _save_array(path, batches, flow)
    elif path.is_dir() or not path.suffix:
        _save_files(path, batches, flow, _names(rows, classes))
    else:
        images, _ = crossed_out(torch.cat([batch.cpu() for _, batch in batches.all()]))
        write_picture(path, Picture(image_grid(images, rows.columns)))
    return batches.left_out


@torch.no_grad()
def draw(
    flow: Flow,
    n: int,
    *,
    temperature: float = 1.0,
    seed: int = 0,
    context: Tensor | None = None,
    batch_size: int = BLOCK,
) -> Iterator[Tensor]:
    """Images from a flow in batches, :math:`(B, C, H, W)`; up to `BLOCK` of them are those of `Flow.sample`."""
    generator = flow.generator(seed)
    for start in range(0, n, BLOCK):
        latents = flow.draw_latents(min(BLOCK, n - start), temperature, generator)
        parts = zip(*(torch.split(latent, batch_size) for latent in latents), strict=True)
        for place, part in zip(range(start, n, batch_size), parts, strict=False):
            yield flow.decode(part, None if context is None else context[place : place + len(part[0])].to(part[0]))


class Finite:
    """Batches of images, and the numbers of those that are not finite.

    Arguments:
        batches: The batches, read once.
    """

    def __init__(self, batches: Iterable[Tensor]) -> None:
        self._batches = batches
        self.left_out: list[int] = []

    def all(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The numbers of the images of each batch, and the images."""
        start = 0
        for batch in self._batches:
            numbers = torch.arange(start, start + len(batch))
            start += len(batch)
            self.left_out += numbers[~_is_finite(batch)].tolist()
            yield numbers, batch

    def finite(self) -> Iterator[tuple[list[int], Tensor]]:
        """The same without those that are not finite."""
        for numbers, batch in self.all():
            kept = _is_finite(batch)
            yield numbers[kept].tolist(), batch[kept.to(batch.device)]


def _check_name(path: Path) -> None:
    """Before anything is drawn, for many samples take long."""
    if path.suffix not in ("", ".npy") and not path.is_dir() and not is_named_as_picture(path.name):
        raise ValueError(f"{path}: end it in .png for one picture, in .npy for an array, or without . for a folder")


def _is_finite(batch: Tensor) -> Tensor:
    return batch.isfinite().flatten(1).all(1).cpu()


def _names(rows: ClassRows, classes: Sequence[str]) -> list[str]:
    """The class of each sample, if they are of classes."""
    return [] if rows.context is None or not classes else [classes[i] for i in rows.context.argmax(1)]


def _save_array(path: Path, batches: Finite, flow: Flow) -> None:
    channels, height, width = flow.shape
    pixels = (_pixels(batch, flow) for _, batch in batches.finite())
    write_array(path, pixels, (height, width, channels), np.uint8)


def _save_files(folder: Path, batches: Finite, flow: Flow, classes: Sequence[str]) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(errno.EEXIST, "is not empty; give a new folder for the samples", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    for name in dict.fromkeys(classes):
        if name in (".", "..") or Path(name).name != name:
            raise ValueError(f"the class {name!r} cannot be the name of a folder; write a .npy file instead")
        (folder / name).mkdir()
    for numbers, batch in batches.finite():
        for number, pixels in zip(numbers, _pixels(batch, flow), strict=True):
            place = folder / classes[number] if classes else folder
            write_picture(place / f"{number:06d}.png", Picture(pixels))


def _pixels(batch: Tensor, flow: Flow) -> NDArray[np.uint8]:
    """uint8, :math:`(B, H, W, C)`, white 255 whatever the quantization."""
    return to_8_bits(batch, flow.quantization).permute(0, 2, 3, 1).cpu().numpy()
