r"""Masked convolutions of MaCow."""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nflows_core.bijections.base import Composition, Shape
from nflows_core.bijections.baselines.kernels import check_odd
from nflows_core.bijections.coupling import Scaling
from nflows_core.bijections.coupling_network import zero_initialized

Direction = Literal["down", "up", "right", "left"]
"""Which way the rows, or the columns, follow each other."""

_ROWS = 2


class MaCowConv2d(Scaling):
    r"""Scales and shifts every pixel given the two rows before its own (Ma et al. 2019, section 3.1).

    .. math::
        z_i = (x_i + t(x_{i-2}, x_{i-1})) \, e^{s(x_{i-2}, x_{i-1})}, \qquad \log |\det J| = \sum s

    for rows, or columns, :math:`i`. The network is a convolution of :math:`2 \times k` pixels to :math:`2 C` channels,
    an exponential linear unit and a convolution :math:`1 \times 1` that starts at zero, so that the layer starts as the
    identity. Its log-scale is bounded as that of an `AffineCoupling`, where the authors take a sigmoid. The inverse
    goes row by row, all pixels of a row at once.

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width :math:`k` of the kernel, odd.
        direction: The direction of the recursion: "down" from the top row to the bottom, "right" from the left
            column to the right.
    """

    def __init__(self, shape: Shape, kernel_size: int = 3, direction: Direction = "down") -> None:
        super().__init__(shape)
        check_odd(kernel_size, "MaCowConv2d")
        if direction not in get_args(Direction):
            raise ValueError(f"direction: expected one of {', '.join(get_args(Direction))}, got {direction!r}")
        self.direction = direction
        channels = 2 * shape[0]
        self.network = nn.Sequential(
            nn.Conv2d(shape[0], channels, (_ROWS, kernel_size), padding=(0, kernel_size // 2)),
            nn.ELU(),
            zero_initialized(nn.Conv2d(channels, channels, 1)),
        )

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        x = self._turned(x)
        before = F.pad(x, (0, 0, _ROWS, 0))[:, :, :-1]
        shift, log_scale = self._shift_and_log_scale(before)
        return self._turned((x + shift) * log_scale.exp()), log_scale.sum((1, 2, 3))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        rows_of_z = torch.split(self._turned(z), 1, dim=2)
        rows = [torch.zeros_like(rows_of_z[0])] * _ROWS
        for row in rows_of_z:
            shift, log_scale = self._shift_and_log_scale(torch.cat(rows[-_ROWS:], dim=2))
            rows.append(row * (-log_scale).exp() - shift)
        return self._turned(torch.cat(rows[_ROWS:], dim=2))

    def _shift_and_log_scale(self, before: Tensor) -> tuple[Tensor, Tensor]:
        shift, raw = self.network(before).to(before.dtype).chunk(2, dim=1)
        return shift, self._bounded(raw)

    def _turned(self, x: Tensor) -> Tensor:
        """The image turned so that rows follow each other downwards; its own inverse."""
        match self.direction:
            case "down":
                return x
            case "up":
                return x.flip(2)
            case "right":
                return x.mT
            case "left":
                return x.flip(2, 3).mT


class MaCowUnit(Composition):
    """Four masked convolutions, one in each direction (Ma et al. 2019, section 3.1).

    Arguments:
        shape: The event shape :math:`(C, H, W)`.
        kernel_size: Height and width of the kernels of the four `MaCowConv2d`.
    """

    def __init__(self, shape: Shape, kernel_size: int = 3) -> None:
        directions: tuple[Direction, ...] = ("down", "up", "right", "left")
        super().__init__(MaCowConv2d(shape, kernel_size, direction) for direction in directions)
