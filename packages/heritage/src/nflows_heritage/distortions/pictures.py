"""The work of ``nflows heritage degrade``: a picture and what it suffers from."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from nflows_core.runtime.images import PictureFile
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.runtime.pictures.work import Made, Pixels
from nflows_heritage.distortions.distort import distorted


@dataclass(frozen=True)
class Degrade:
    """Damages pictures, of 8 or 16 bits, grey or in colour; alpha stays as it is.

    Arguments:
        kind: One of `DISTORTIONS`.
        level: How much, 1 to 5.
    """

    kind: str
    level: float

    def __call__(self, source: PictureFile, seed: int) -> Made:
        """The damaged picture, and by how many decibels it differs."""
        pixels = source.rows(0, source.shape[0])
        colours = pixels[..., : 3 if source.shape[2] >= 3 else 1]
        damaged = to_pixels(distorted(to_tensor(colours), self.kind, self.level, seed), pixels.dtype)
        whole = np.concatenate([damaged, pixels[..., colours.shape[2] :]], axis=2)
        return Made(replace(source.about, pixels=whole), numbers=lambda: {"psnr_db": _psnr(damaged, colours)})


def _psnr(pixels: Pixels, reference: Pixels) -> float | None:
    """In decibels; of pictures that are the same there is none."""
    most = float(np.iinfo(reference.dtype).max)
    error = float(np.mean((pixels.astype(np.float64) - reference) ** 2))
    return None if error == 0 else 10 * math.log10(most**2 / error)
