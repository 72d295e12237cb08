"""Bicubic enlargement, as MATLAB's ``imresize`` does it: what every network is compared with."""

from __future__ import annotations

from torch import Tensor

from nflows_sr.degradations import resize_bicubic
from nflows_sr.engines.base import Engine, EngineSettings

_SCALE = 2


class Bicubic(Engine):
    """The sum over four by four pixels; see `nflows_sr.degradations.resize_bicubic`.

    Arguments:
        scale: How many times the sides grow.
    """

    margin = 2

    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, tile: Tensor) -> Tensor:
        return resize_bicubic(tile, self.scale)


def load_bicubic(settings: EngineSettings) -> Bicubic:
    """The engine, of scale 2 if none is asked for."""
    return Bicubic(_SCALE if settings.scale is None else settings.scale)
