"""The work of ``nflows sr degrade``: from a picture to a small, or a small and bad one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Generator

from nflows_core.runtime.images import Picture, PictureFile
from nflows_core.runtime.pictures.samples import to_pixels, to_tensor
from nflows_core.runtime.pictures.work import Made
from nflows_sr.degradations.bicubic import Pixels, imresize
from nflows_sr.degradations.real import degrade_real
from nflows_sr.degradations.transparency import filled

Kind = Literal["bicubic", "real"]


@dataclass(frozen=True)
class Degrade:
    """Makes pictures smaller, of 8 or 16 bits, grey or in colour.

    A picture whose sides are no multiples of the scale loses its last rows and columns first, as in every benchmark of
    the field. Alpha becomes small bicubically, and of what is transparent no colour bleeds into what is seen.

    Arguments:
        kind: How: ``bicubic`` as MATLAB does it, or ``real`` as `degrade_real` does.
        scale: How many times the sides shrink.
    """

    kind: Kind
    scale: int

    def __call__(self, source: PictureFile, seed: int) -> Made:
        """The small picture, as large on paper as it was.

        Raises:
            ValueError: The picture is smaller than the scale.
        """
        about, whole = source.about, source.rows(0, source.shape[0])
        large = cropped(whole, self.scale)
        small = self._around_alpha(large, seed) if about.has_alpha else self._small(large, seed)
        lost = {
            "rows_cut_off": whole.shape[0] % self.scale,
            "columns_cut_off": whole.shape[1] % self.scale,
        }
        return Made(_smaller(about, small, self.scale), numbers=lambda: lost)

    def _around_alpha(self, pixels: Pixels, seed: int) -> Pixels:
        samples = to_tensor(pixels)
        colours = to_pixels(filled(samples[:-1], samples[-1:]), pixels.dtype)
        alpha = imresize(np.ascontiguousarray(pixels[..., -1:]), 1 / self.scale)
        return np.concatenate([self._small(colours, seed), alpha], axis=2)

    def _small(self, pixels: Pixels, seed: int) -> Pixels:
        if self.kind == "bicubic":
            return imresize(pixels, 1 / self.scale)
        return to_pixels(degrade_real(to_tensor(pixels), self.scale, Generator().manual_seed(seed)), pixels.dtype)


def cropped(pixels: NDArray[Any], scale: int) -> NDArray[Any]:
    """The picture without its last rows and columns, so that its sides are multiples of the scale.

    Raises:
        ValueError: It is smaller than the scale.
    """
    height, width = (length // scale * scale for length in pixels.shape[:2])
    if not height or not width:
        raise ValueError(
            f"a picture of {pixels.shape[1]} x {pixels.shape[0]} pixels is too small for the scale {scale}"
        )
    return pixels[:height, :width]


def _smaller(about: Picture, pixels: Pixels, scale: int) -> Picture:
    dpi = None if about.dpi is None else (about.dpi[0] / scale, about.dpi[1] / scale)
    return replace(about, pixels=pixels, dpi=dpi)
