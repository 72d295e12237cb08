"""A picture restored tile by tile, as strips of pixels: changed as much as is asked for, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.runtime.tiles import Rows, Tiling
from nflows_heritage.restoring.engines import Prepared

_BLEND = 8
"""Pixels over which tiles are blended beyond their halos."""


class Source(Rows, Protocol):
    """A picture of pixels, as an open `PictureFile` is one."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of its samples."""


def restored(
    picture: Source, engine: Prepared, strength: float, mask: Rows | None, side: int | None
) -> Iterator[NDArray[Any]]:
    r"""The strips of the restored picture, :math:`(h, W, C)`, of the picture's own type.

    .. math:: \hat y = \operatorname{round}(x + s \, (y - x)) \text{ inside of the mask}, \qquad x \text{ outside}

    Arguments:
        picture: The picture; alpha stays as it is.
        engine: What restores it.
        strength: The part :math:`s` of the change that is made.
        mask: The mask, of one channel: nothing changes where it is 0.
        side: The side of a tile.

    Raises:
        ValueError: The tile is too small for the engine.
    """
    height, width, channels = picture.shape
    most = float(np.iinfo(picture.dtype).max)
    tiling = tiling_of(engine, side)
    rows = _Rows(picture, mask, engine.unit)
    top = 0
    for strip in tiling.strips(_Tile(engine, 3 if channels >= 3 else 1, most), rows):
        pixels = strip[:, : max(0, height - top), :width]
        top += strip.shape[1]
        if pixels.shape[1]:
            yield _blended(pixels, channels, strength, mask is not None).astype(picture.dtype)


def tiling_of(engine: Prepared, side: int | None) -> Tiling:
    """Tiles that overlap by what the engine needs.

    Raises:
        ValueError: The side is too small.
    """
    margin = _up(engine.halo, engine.unit)
    overlap = 2 * margin + _up(_BLEND, engine.unit)
    if side is not None and side <= overlap:
        raise ValueError(f"`tile` {side}: this engine sees {engine.halo} pixels around; give more than {overlap}")
    return Tiling(_up(max(engine.side, 2 * overlap) if side is None else side, engine.unit), overlap, 1, margin)


@dataclass(frozen=True)
class _Rows:
    """The rows of a picture, its mask and their places behind, the last ones repeated to whole units.

    Arguments:
        picture: The picture.
        mask: The mask, if there is one.
        unit: What the sides become multiples of.
    """

    picture: Source
    mask: Rows | None
    unit: int

    @property
    def shape(self) -> tuple[int, int, int]:
        height, width, channels = self.picture.shape
        return _up(height, self.unit), _up(width, self.unit), channels + (self.mask is not None) + 2

    def rows(self, top: int, bottom: int) -> NDArray[np.float32]:
        height, width, _ = self.picture.shape
        inside = min(bottom, height)
        first = min(top, inside - 1)
        parts = [self.picture.rows(first, inside)]
        if self.mask is not None:
            parts.append(self.mask.rows(first, inside))
        pixels = np.concatenate([part.astype(np.float32) for part in parts], axis=2)
        beyond = ((0, bottom - inside), (0, self.shape[1] - width), (0, 0))
        padded = np.pad(pixels, beyond, mode="edge")[top - first :]
        places = np.indices(padded.shape[:2], np.float32) + np.array([top, 0], np.float32)[:, None, None]
        return np.concatenate([padded, places.transpose(1, 2, 0)], axis=2)


@dataclass(frozen=True)
class _Tile:
    """From pixels with a mask and their places behind to the restored colours, the pixels and the mask."""

    engine: Prepared
    colours: int
    most: float

    def __call__(self, tile: Tensor) -> Tensor:
        tile, (row, column) = tile[:-2], tile[-2:, 0, 0].int().tolist()
        made = self.engine(tile[: self.colours] / self.most, (row, column))
        # The pixels go through beside, since what is read twice may be decoded twice.
        return torch.cat([made.clamp(0, 1) * self.most, tile])


def _blended(strip: Tensor, channels: int, strength: float, is_masked: bool) -> NDArray[np.float32]:
    colours = 3 if channels >= 3 else 1
    made, pixels = strip[:colours], strip[colours : colours + channels].round()
    before = pixels[:colours]
    new = (before + strength * (made - before)).round()
    if is_masked:
        new = torch.where(strip[-1:].round() > 0, new, before)
    return torch.cat([new, pixels[colours:]]).permute(1, 2, 0).numpy()


def _up(length: int, unit: int) -> int:
    return -(-length // unit) * unit
