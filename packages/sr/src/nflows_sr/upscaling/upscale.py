"""The work of ``nflows sr upscale``: from a picture to one of more pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.images import Picture, PictureFile, blank_pixels
from nflows_core.runtime.memory import keep_freed_memory
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.pictures.samples import to_pixels
from nflows_core.runtime.pictures.work import Made
from nflows_sr.engines import EngineSettings, load_engine
from nflows_sr.upscaling.consistency import Consistency
from nflows_sr.upscaling.tiles import Enlarge, enlarging


@dataclass(frozen=True)
class Upscale:
    """Enlarges pictures by an engine: 8 or 16 bits, grey or in colour, with their alpha and their colour profile.

    Arguments:
        engine: Which engine, and how it computes.
        tile: The side of a tile in pixels of the picture; by default what the engine needs about 1 GB for.
    """

    engine: EngineSettings
    tile: int | None = None

    def __call__(self, source: PictureFile, seed: int) -> Made:
        """The enlarged picture, as large on paper as it was.

        Raises:
            ValueError: The engine cannot be loaded, or the tile is too small for it.
        """
        scale, enlarge = loaded(self)
        consistency = Consistency(source, scale)
        strips = consistency.watched(_pixels(enlarge(source, seed), source.dtype))
        return Made(enlarged_about(source.about, scale), strips, consistency.numbers)


@keeps_one
def loaded(work: Upscale) -> tuple[int, Enlarge]:
    """The scale of the engine, and its way with a picture; tiles stay smaller for later pictures if memory ran out."""
    keep_freed_memory()
    engine = load_engine(work.engine)
    return engine.scale, enlarging(engine, work.tile)


def enlarged_about(about: Picture, scale: int) -> Picture:
    """All that is said of a picture, of the size and resolution of the enlarged one; its pixels are blank."""
    height, width, channels = about.pixels.shape
    dpi = None if about.dpi is None else (about.dpi[0] * scale, about.dpi[1] * scale)
    return replace(about, pixels=blank_pixels(scale * height, scale * width, channels, about.pixels.dtype), dpi=dpi)


def _pixels(strips: Iterator[Tensor], dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    return (to_pixels(strip, dtype) for strip in strips)
