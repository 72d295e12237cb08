"""The damage of art as a degradation that nflows-sr trains its diffusions with."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from nflows_core.training import Items
from nflows_heritage.distortions import KINDS, LEVELS
from nflows_heritage.training.damaged import damaged
from nflows_sr.data.crops import Pair
from nflows_sr.data.degraded import Degradation
from nflows_sr.degradations import resize_bicubic


class ArtPairs:
    """Large pictures beside what damage of all kinds makes of them, and a smaller size, anew for each seed.

    Arguments:
        pairs: Whose large pictures are taken, :math:`(3, H, W)` in [0, 1].
        scale: How many times their sides are longer; with 1 the damage is all.
    """

    def __init__(self, pairs: Items[Pair], scale: int) -> None:
        self.pairs, self.scale = pairs, scale

    def __len__(self) -> int:
        return len(self.pairs)

    def read(self, index: int, seed: int) -> Pair:
        """A damaged picture and its large one, :math:`(3, H // s, W // s)` and :math:`(3, H, W)`."""
        _, large = self.pairs.read(index, seed)
        random = np.random.default_rng(seed)
        kind, level = KINDS[random.integers(len(KINDS))], float(random.uniform(LEVELS[0], LEVELS[-1]))
        return self._small(damaged(large, kind, level, random)), large

    def _small(self, image: Tensor) -> Tensor:
        if self.scale == 1:
            return image
        height, width = (side // self.scale for side in image.shape[-2:])
        return resize_bicubic(image, (height, width)).clamp(0, 1)


ART = Degradation(ArtPairs)
