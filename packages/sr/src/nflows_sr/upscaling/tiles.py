"""A picture file in tiles through an engine: colours, alpha and noise, and back to one picture, strip by strip."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.images import Picture
from nflows_core.runtime.pictures.samples import to_tensor
from nflows_core.runtime.tiles import Rows, Tiling
from nflows_sr.engines import Bicubic, Engine
from nflows_sr.upscaling.transparency import REACH, filled

_BLEND = 8
"""Pixels over which tiles are blended beyond their margins."""


def tiling_of(engine: Engine, side: int | None = None) -> Tiling:
    """Tiles for an engine, which overlap by what its receptive field needs, and are blended beyond.

    Arguments:
        engine: The engine.
        side: The side of a tile, in pixels of the small picture; by default what needs about 1 GB.

    Raises:
        ValueError: The side is too small.
    """
    margin = engine.margin + REACH
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
        if not self.has_alpha:
            return self.engine(tile)
        place = len(tile) - 1 - self.engine.noise
        colours, alpha, noise = tile[:place], tile[place : place + 1], tile[place + 1 :]
        if alpha.min() < 1:
            colours = filled(colours, alpha)
        new = self.engine(torch.cat([colours, noise]))
        return torch.cat([new, Bicubic(self.engine.scale)(alpha).to(new)])
