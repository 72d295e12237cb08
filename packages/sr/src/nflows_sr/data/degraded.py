"""Pairs whose small pictures are bad in the ways of the world, rather than made by a bicubic filter."""

from __future__ import annotations

import torch

from nflows_core.training import Items
from nflows_sr.data.crops import Pair
from nflows_sr.degradations import degrade_real


class RealPairs:
    r"""Large pictures beside what `degrade_real` makes of each, anew for each seed.

    Arguments:
        pairs: Whose large pictures are taken, :math:`(3, H, W)` in [0, 1].
        scale: How many times their sides are longer.
    """

    def __init__(self, pairs: Items[Pair], scale: int) -> None:
        self.pairs, self.scale = pairs, scale

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, seed: int) -> Pair:
        """A degraded picture and its large one, :math:`(3, H // s, W // s)` and :math:`(3, H, W)`."""
        _, large = self.pairs.read(index, seed)
        return degrade_real(large, self.scale, torch.Generator().manual_seed(seed)), large
