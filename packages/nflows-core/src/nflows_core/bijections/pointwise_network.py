"""The network of a coupling of vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nflows_core.bijections.coupling_network import zero_initialized


class PointwiseNetwork(nn.Module):
    r"""Three layers with rectifiers between them, for vectors, which are images of one pixel.

    `CouplingNetwork` looks at the neighbours of a pixel; here there are none, and its 3 x 3 kernels would be nine parts
    zeros for one of weights. It starts at zero, so that a coupling starts as the identity.

    Arguments:
        in_channels: Channels that condition.
        out_channels: Parameters of the coupling.
        width: Features of the hidden layers.
    """

    def __init__(self, in_channels: int, out_channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(in_channels, width)
        self.second = nn.Linear(width, width)
        self.last = zero_initialized(nn.Linear(width, out_channels))

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Maps :math:`(B, C, 1, 1)` to :math:`(B, C', 1, 1)`."""
        # Vectors along the last dimension: what follows adds and multiplies whole channels, not rows of few numbers.
        y = x.flatten(1).T
        y = _linear(self.first, y).relu_()
        y = _linear(self.second, y).relu_()
        return _linear(self.last, y).T[:, :, None, None]


def _linear(layer: nn.Linear, y: Tensor) -> Tensor:
    return torch.addmm(layer.bias[:, None], layer.weight, y)
