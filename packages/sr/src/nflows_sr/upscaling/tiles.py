"""A picture file in tiles through an engine: colours, alpha and noise, and back to one picture, strip by strip."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.images import Picture
from nflows_core.runtime.pictures.samples import to_tensor
from nflows_core.runtime.tiles import Rows, Tiling
from nflows_sr.degradations.transparency import REACH, filled
from nflows_sr.engines import Bicubic, Engine, PictureEngine

_BLEND = 8
"""Pixels over which tiles are blended beyond their margins."""


Enlarge = Callable[["Source", int], Iterator[Tensor]]
"""From a picture and a seed to strips of the enlarged one."""


def enlarging(engine: Engine | PictureEngine, side: int | None = None) -> Enlarge:
    """How an engine enlarges a picture: tile by tile, or as a whole.

    Raises:
        ValueError: The side of a tile is too small, or given to an engine of whole pictures.
    """
    if not isinstance(engine, PictureEngine):
        # Alpha first, which needs larger tiles: what is said of a side that is too small is right for every picture.
        tilings = {has_alpha: tiling_of(engine, side, has_alpha) for has_alpha in (True, False)}
        return lambda source, seed: enlarged(source, engine, tilings[source.about.has_alpha], seed)
    if side is not None:
        raise ValueError(f"`tile` {side}: this model cuts its own tiles, and smaller ones where memory runs out")
    return lambda source, seed: enlarged_whole(source, engine, seed)


def tiling_of(engine: Engine, side: int | None = None, has_alpha: bool = False) -> Tiling:
    """Tiles for an engine, which overlap by what its receptive field needs, and are blended beyond.

    Arguments:
        engine: The engine.
        side: The side of a tile, in pixels of the small picture; by default what needs about 1 GB.
        has_alpha: Whether colours are carried under transparent pixels first, from farther away.

    Raises:
        ValueError: The side is too small.
    """
    margin = engine.margin + REACH * has_alpha
    overlap = 2 * margin + _BLEND
    if side is not None and side <= overlap:
        raise ValueError(f"`tile` {side}: this model sees {engine.margin} pixels around; give more than {overlap}")
    return Tiling(max(engine.tile, 2 * overlap) if side is None else side, overlap, engine.scale, margin)


class Source(Rows, Protocol):
    """What is enlarged: rows of pixels, and what there is to say of them, as an open `PictureFile` has it."""

    @property
    def about(self) -> Picture:
        """The picture, whose pixels need not be there."""


def enlarged(source: Source, engine: Engine, tiling: Tiling, seed: int) -> Iterator[Tensor]:
    r"""The strips of the enlarged picture, :math:`(C, h, sW)`, float32, alpha last as in the source."""
    rows = _Samples(source, engine.noise, seed)
    has_alpha = source.about.has_alpha
    return tiling.strips(_Tile(engine, has_alpha), rows)


def enlarged_whole(source: Source, engine: PictureEngine, seed: int) -> Iterator[Tensor]:
    """The same in one strip, by an engine of whole pictures: all of it is in memory."""
    samples = to_tensor(source.rows(0, source.shape[0]))
    yield _around_alpha(samples, engine.scale, source.about.has_alpha, partial(engine.enlarge, seed=seed))


@dataclass(frozen=True)
class _Samples:
    """The rows of a picture in [0, 1], with channels of noise behind, each row's of the seed and its number."""

    source: Source
    noise: int
    seed: int

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.source.shape
        return height, width, channels + self.noise

    def rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        samples = to_tensor(self.source.rows(top, bottom)).permute(1, 2, 0).numpy()
        if not self.noise:
            return samples
        return np.concatenate([samples, np.stack([self._noise(row) for row in range(top, bottom)])], axis=2)

    def _noise(self, row: int) -> NDArray[np.float32]:
        generator = np.random.default_rng([self.seed, row])
        return generator.standard_normal((self.source.shape[1], self.noise), np.float32)


@dataclass(frozen=True)
class _Tile:
    """The function of a tile: colours through the engine, alpha bicubically."""

    engine: Engine
    has_alpha: bool

    def __call__(self, tile: Tensor) -> Tensor:
        place = len(tile) - self.engine.noise
        samples, noise = tile[:place], tile[place:]
        return _around_alpha(
            samples, self.engine.scale, self.has_alpha, lambda colours: self.engine(torch.cat([colours, noise]))
        )


def _around_alpha(samples: Tensor, scale: int, has_alpha: bool, enlarge: Callable[[Tensor], Tensor]) -> Tensor:
    """Enlarges colours by a function, and alpha, if there is any, bicubically."""
    if not has_alpha:
        return enlarge(samples)
    colours, alpha = samples[:-1], samples[-1:]
    if alpha.min() < 1:
        colours = filled(colours, alpha)
    new = enlarge(colours)
    return torch.cat([new, Bicubic(scale)(alpha).to(new)])
