"""Pairs whose small pictures are bad in the ways of the world, rather than made by a bicubic filter."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points

import torch

from nflows_core.runtime.additions import load_added
from nflows_core.training import Items
from nflows_sr.data.crops import Pair
from nflows_sr.degradations import degrade_real

ENTRY_POINTS = "nflows_sr.degradations"
"""The group of entry points by which other packages add degradations."""


@dataclass(frozen=True)
class Degradation:
    """A way in which small pictures become bad.

    Arguments:
        pairs: From pairs of small and large pictures, :math:`(3, H / s, W / s)` and :math:`(3, H, W)`, and the scale s
            to pairs of bad small ones and the same large ones.
    """

    pairs: Callable[[Items[Pair], int], Items[Pair]]


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


_OWN: Mapping[str, Degradation] = {
    "real": Degradation(RealPairs),
    "bicubic": Degradation(lambda pairs, scale: pairs),
}


def find_degradation(name: str) -> Degradation:
    """The degradation of a name: ``real``, ``bicubic``, or of another package.

    Raises:
        ValueError: There is none, or it cannot be imported.
    """
    if name in _OWN:
        return _OWN[name]
    added = entry_points(group=ENTRY_POINTS)
    if name not in added.names:
        there = ", ".join([*_OWN, *sorted(added.names)])
        raise ValueError(f"`degradation`: expected one of {there}, got {name!r}")
    return load_added(added[name], Degradation, "degradation")
