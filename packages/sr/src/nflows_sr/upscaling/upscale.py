"""The work of ``nflows sr upscale``: from a picture to one of more pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.images import Picture, PictureFile, blank_pixels
from nflows_core.runtime.memory import keep_freed_memory
from nflows_core.runtime.models import keeps_one
from nflows_core.runtime.pictures.samples import to_pixels
from nflows_core.runtime.pictures.work import Made
from nflows_core.runtime.recipe import NO_MATTER
from nflows_sr.engines import EngineSettings, PictureEngine, load_engine
from nflows_sr.upscaling.consistency import Consistency
from nflows_sr.upscaling.samples import Guesses
from nflows_sr.upscaling.tiles import Enlarge, enlarging


@dataclass(frozen=True)
class Upscale:
    """Enlarges pictures by an engine: 8 or 16 bits, grey or in colour, with their alpha and their colour profile.

    Arguments:
        engine: Which engine, and how it computes.
        tile: The side of a tile in pixels of the picture; by default what the engine needs about 1 GB for.
        samples: How many guesses there are, with a picture of their spread beside them, as `Guesses` has it; the first
            is the one that 1 gives.

    Raises:
        ValueError: There is no sample.
    """

    engine: EngineSettings
    tile: int | None = field(default=None, metadata=NO_MATTER)
    samples: int = 1

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"`samples`: expected a number above 0, got {self.samples}")

    def __call__(self, source: PictureFile, seed: int) -> Made:
        """The enlarged picture, as large on paper as it was.

        Raises:
            ValueError: The engine cannot be loaded, or the tile is too small for it.
        """
        scale, enlarge = loaded(self)
        if self.samples > 1:
            return self._guesses(source, scale, enlarge, seed)
        consistency = Consistency(source, scale)
        strips = consistency.watched(_pixels(enlarge(source, seed), source.dtype))
        return Made(enlarged_about(source.about, scale), strips, consistency.numbers)

    def _guesses(self, source: PictureFile, scale: int, enlarge: Enlarge, seed: int) -> Made:
        further = np.random.default_rng(seed).integers(2**63, size=self.samples - 1).tolist()
        guesses = Guesses([enlarge(source, each) for each in (seed, *further)], source.about.has_alpha, source.dtype)
        return Made(enlarged_about(source.about, scale), guesses.strips(), guesses.numbers, guesses.beside)


@keeps_one
def loaded(work: Upscale) -> tuple[int, Enlarge]:
    """The scale of the engine, and its way with a picture; tiles stay smaller for later pictures if memory ran out."""
    keep_freed_memory()
    engine = load_engine(work.engine)
    if work.samples > 1 and not isinstance(engine, PictureEngine) and not engine.noise:
        raise ValueError("`samples`: all are the same; give a diffusion, or a flow with a `temperature` above 0")
    return engine.scale, enlarging(engine, work.tile)


def enlarged_about(about: Picture, scale: int) -> Picture:
    """All that is said of a picture, of the size and resolution of the enlarged one; the pixels are blank."""
    height, width, channels = about.pixels.shape
    dpi = None if about.dpi is None else (about.dpi[0] * scale, about.dpi[1] * scale)
    return replace(about, pixels=blank_pixels(scale * height, scale * width, channels, about.pixels.dtype), dpi=dpi)


def _pixels(strips: Iterator[Tensor], dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    return (to_pixels(strip, dtype) for strip in strips)
