"""Features that are taken as they are: what a network that has learned from other pictures sees in these."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.classifiers.efficientnet import EfficientNetLite0

_STAGES = (2, 4, 6)
"""The last stage of each size that sees more than edges: an eighth, a sixteenth and a thirty-second of a picture's."""


class FrozenBody(nn.Module):
    """The mean and the standard deviation, over its places, of each feature of three stages of EfficientNet-Lite0.

    Means tell what there is, deviations how it is spread; where in the picture it is, neither tells.

    Arguments:
        turns: How many quarter turns of a picture are seen, 1 to 4; what is seen of each counts alike.
    """

    width = 944

    def __init__(self, turns: int = 1) -> None:
        super().__init__()
        self.turns = turns
        self.network = EfficientNetLite0().frozen()

    @classmethod
    def pretrained(cls, turns: int = 1) -> FrozenBody:
        """With the weights of `EfficientNetLite0.pretrained`.

        Raises:
            ModuleNotFoundError: Their package is not installed.
        """
        body = cls(turns)
        body.network = EfficientNetLite0.pretrained().frozen()
        return body

    def forward(self, x: Tensor) -> Tensor:
        """The features :math:`(B, 944)` of pictures in [-1, 1], :math:`(B, 3, H, W)`."""
        seen = [self._moments(torch.rot90(x, turn, (2, 3))) for turn in range(self.turns)]
        return torch.stack(seen).mean(0)

    def _moments(self, x: Tensor) -> Tensor:
        maps = self.network.maps(x)
        places = [maps[stage].flatten(2) for stage in _STAGES]
        return torch.cat([moment for own in places for moment in _mean_and_deviation(own)], 1)


def _mean_and_deviation(x: Tensor) -> tuple[Tensor, Tensor]:
    mean = x.mean(2, keepdim=True)
    return mean[:, :, 0], (x - mean).square().mean(2).sqrt()
