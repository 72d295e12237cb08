"""What an engine costs: its parameters, and the multiplications of a picture."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from nflows_sr.engines import Engine, PictureEngine
from nflows_sr.evaluation.published import RESULT_PIXELS

_SIDE = 64  # a multiple of every size that a window of a transformer has


def parameters(engine: Engine | PictureEngine) -> int | None:
    """The number of an engine's parameters; nothing for one that is no network."""
    return None if engine.network is None else sum(one.numel() for one in engine.network.parameters())


def multiply_adds(engine: Engine | PictureEngine) -> int | None:
    """The multiplications that are added up for a result of 1280 x 720, counted on a tile and scaled to its pixels.

    Those of convolutions, of matrix products and of attention are counted, as everybody does. Those of a diffusion are
    not: its cost is in no proportion to the pixels.
    """
    if engine.network is None or isinstance(engine, PictureEngine):
        return None
    tile = torch.zeros(3 + engine.noise, _SIDE, _SIDE)
    engine(tile)  # what is prepared once for tiles of a size is no work of a tile
    with FlopCounterMode(display=False) as counter:
        engine(tile)
    operations: int = counter.get_total_flops() // 2
    return operations * RESULT_PIXELS // (_SIDE * engine.scale) ** 2
