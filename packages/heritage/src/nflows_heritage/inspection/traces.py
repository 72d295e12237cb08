r"""Where rain and water have left their traces: what is local shows in no statistic of a whole picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nflows_core.data import DataError
from nflows_heritage.classic.cosines import Samples
from nflows_heritage.distortions import CLEAN, KINDS, LEVELS
from nflows_heritage.inspection.variety import Pixels, suffered, varied
from nflows_heritage.networks import SmallUNet
from nflows_heritage.networks.pixel_finding import Pair

TRACES = ("rain", "water")
"""The kinds of damage that are local."""
TRACED = 3 * len(TRACES)
"""How many numbers `traces_in` gives."""
ENGINE: Mapping[str, Any] = {"batch_size": 8, "learning_rate": 4e-3, "warmup_steps": 50, "ema_decay": 0.99}
_WIDTH = 12
_LOCAL = 0.7
"""The part of the crops that are damaged so."""
_CHANGED = 0.03
"""How much a pixel must have changed to count."""
_FAINT = 1e-4


class TraceNetwork(SmallUNet):
    """From pictures in [0, 1], :math:`(B, 3, H, W)`, to the logits of `TRACES`, :math:`(B, 2, H, W)`."""

    def __init__(self) -> None:
        super().__init__(3, _WIDTH, len(TRACES))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - 0.5)


@torch.no_grad()
def traces_in(network: TraceNetwork, parts: Sequence[Samples]) -> NDArray[np.float64]:
    """The logarithms of how much of the parts of a picture bears each trace: by the mean probability, and surely."""
    found = [_probabilities(network, part).reshape(len(TRACES), -1) for part in parts]
    every = np.concatenate(found, axis=1)
    return np.log(np.concatenate([every.mean(1), (every > 0.5).mean(1), (every > 0.9).mean(1)]) + _FAINT)


def _probabilities(network: TraceNetwork, part: Samples) -> NDArray[np.float32]:
    x = torch.from_numpy(np.ascontiguousarray(part)).permute(2, 0, 1)[None].expand(-1, 3, -1, -1)
    return np.asarray(network(x)[0].sigmoid().numpy())


@dataclass(frozen=True)
class TracedCrops:
    """Crops of good pictures, rained on, stained, or damaged in another way or none, anew for every seed.

    Arguments:
        pictures: The pictures, :math:`(H, W, 3)` of 8 bits.
        count: How many items there are.
        side: The side of a crop in pixels.

    Raises:
        DataError: No picture is as large as a crop.
    """

    pictures: Sequence[Pixels] = field(repr=False)
    count: int
    side: int = 96

    def __post_init__(self) -> None:
        if not any(min(pixels.shape[:2]) >= self.side for pixels in self.pictures):
            raise DataError(f"no picture has {self.side} x {self.side} pixels; give larger ones")

    def __len__(self) -> int:
        return self.count

    def read(self, index: int, seed: int) -> Pair:
        random = np.random.default_rng([seed, index])
        good = self._crop(random)
        others = [kind for kind in KINDS if kind not in TRACES]
        kind = str(random.choice(TRACES if random.random() < _LOCAL else others))
        bad = good if kind == CLEAN else suffered(good, kind, float(random.uniform(LEVELS[0], LEVELS[-1])), random)
        is_changed = np.abs(bad.astype(np.float32) - good).max(2) > 255 * _CHANGED
        places = np.stack([is_changed & (kind == trace) for trace in TRACES])
        return torch.from_numpy(bad.transpose(2, 0, 1).copy()).float() / 255, torch.from_numpy(places).float()

    def _crop(self, random: np.random.Generator) -> Pixels:
        while True:  # what was made smaller may be too small
            good = varied(self.pictures[int(random.integers(len(self.pictures)))], random, self.side)
            if min(good.shape[:2]) == self.side:
                return good
