r"""Torch modules whose convolution stays exactly invertible whatever an optimiser does to their parameters."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self, SupportsIndex

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from invconv import functional, geometry, onnx_ops
from invconv.results import Amplification

__all__ = ["BoundedTaps", "InverseConv2d", "InvertibleConv2d", "UnitAnchor"]


class UnitAnchor(nn.Module):
    r"""Parametrizes a kernel so that its anchor taps are unit lower triangular and hence :math:`|\det T| = 1`.

    The diagonal of an anchor is 1 and what is above it 0, whatever the unconstrained kernel holds there (Nagar 2025,
    section 2.3). So no parameters make it singular, but large ones make its inverse large: with entries below the
    diagonal of size :math:`s`, that of :math:`n` channels has entries up to about :math:`s^{n - 1}`, and rounding grows
    as they do. `amplification` says how much, and `BoundedTaps` keeps it small.

    Arguments:
        weight_shape: :math:`(C, C/G, k_h, k_w)`.
        corners: The corner of each channel group.
    """

    mask: Tensor
    identity: Tensor

    def __init__(self, weight_shape: Sequence[int], corners: Sequence[str]) -> None:
        super().__init__()
        self.weight_shape, self.corners = tuple(weight_shape), tuple(corners)
        for name, constant in self._constants(None).items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask + self.identity

    def _constants(self, device: torch.device | None) -> dict[str, Tensor]:
        mask = torch.ones(self.weight_shape, device=device)
        identity = torch.zeros_like(mask)
        n = self.weight_shape[1]
        for g, corner in enumerate(self.corners):
            anchor = (slice(g * n, (g + 1) * n), slice(None), *geometry.anchor_index(corner))
            mask[anchor] = mask[anchor].tril(-1)
            identity[anchor] = torch.eye(n, device=device)
        return {"mask": mask, "identity": identity}

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> Self:
        # No state dict has the constants: where ``to_empty`` gives a module memory, what is in it is anything.
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, constant in self._constants(self.mask.device).items():
            getattr(self, name).copy_(constant)
        return self


class BoundedTaps(UnitAnchor):
    r"""Parametrizes a kernel so that its inverse amplifies no value of an image more than ``max_amplification`` times.

    With :math:`K_0 = I + N`, :math:`N` strictly lower triangular, and :math:`K_t = K_0 M_t`, rows are scaled down to

    .. math:: \sum_d |N_{cd}| \le s, \qquad \sum_{d, t \ne 0} |(M_t)_{cd}| \le s, \qquad s = 1 - a^{-1/2},

    where they exceed it, so :math:`\|T^{-1}\|_\infty \le \|K_0^{-1}\|_\infty / (1 - s) \le 1 / (1 - s)^2 = a` for every
    size of image. Small taps are left alone.

    Arguments:
        weight_shape: :math:`(C, C/G, k_h, k_w)`.
        corners: The corner of each channel group.
        max_amplification: :math:`a > 1`.
    """

    masks: Tensor

    def __init__(self, weight_shape: Sequence[int], corners: Sequence[str], max_amplification: float) -> None:
        if not isinstance(max_amplification, int | float) or not 1 < max_amplification < math.inf:
            raise ValueError(f"max_amplification: expected a number above 1, got {max_amplification!r}")
        super().__init__(weight_shape, corners)
        self.max_amplification = max_amplification
        self.groups = len(corners)

    def _constants(self, device: torch.device | None) -> dict[str, Tensor]:
        unit = super()._constants(device)
        anchor = torch.zeros_like(unit["mask"][:, :1], dtype=torch.bool)
        for rows, corner in zip(anchor.chunk(len(self.corners)), self.corners, strict=True):
            rows[(..., *geometry.anchor_index(corner))] = True
        return unit | {"masks": torch.stack([unit["mask"] * anchor, unit["mask"] * ~anchor])}

    def forward(self, weight: Tensor) -> Tensor:
        # In float64, where no sum of finite float32 overflows, with room for the rounding of the kernel afterwards.
        limit = self.max_amplification / (1 + 4 * torch.finfo(weight.dtype).eps * self.max_amplification)
        s = max(1 - limit**-0.5, torch.finfo(torch.float64).tiny)
        taps = weight.double() * self.masks
        lower, others = taps * (s / taps.abs().sum((2, 3, 4), keepdim=True).clamp(min=s))
        lower = lower + self.identity
        n = weight.shape[1]
        rows = (self.groups, n, -1)
        matrices = lower.sum((2, 3)).reshape(rows)
        kernel = torch.baddbmm(lower.reshape(rows), matrices, others.reshape(rows))
        return kernel.reshape(weight.shape).to(weight.dtype)


class _UnitConv2d(nn.Module):
    """The kernel that the two modules share: unit triangular anchors, small taps elsewhere at first."""

    weight: Tensor

    def __init__(
        self,
        channels: int,
        kernel_size: int | Sequence[int] = 3,
        corner: str | Sequence[str] = "tl",
        max_amplification: float | None = None,
    ) -> None:
        super().__init__()
        channels, groups = geometry.check_channels(channels, corner)
        kh, kw = geometry.check_kernel_size(kernel_size)
        weight = torch.empty(channels, channels // groups, kh, kw)
        self.corner = geometry.corner_of_groups(weight, corner)
        # Near the identity, so that a deep stack of layers neither explodes nor vanishes.
        nn.init.normal_(weight, std=0.1 / (kh * kw * channels // groups) ** 0.5)
        self.weight = nn.Parameter(weight)
        self.max_amplification = max_amplification
        kernels = (
            UnitAnchor(weight.shape, self.corner)
            if max_amplification is None
            else BoundedTaps(weight.shape, self.corner, max_amplification)
        )
        parametrize.register_parametrization(self, "weight", kernels)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        # torch makes the class of a parametrized module while it runs, where pickle does not find it, and refuses.
        if set(getattr(self, "parametrizations", ())) != {"weight"}:
            return super().__reduce_ex__(protocol)
        arguments = self.weight.shape[0], self.weight.shape[2:], self.corner, self.max_amplification
        return _parametrized, (type(self).__bases__[0], *arguments), self.__dict__

    def extra_repr(self) -> str:
        channels, group_channels, kh, kw = self.weight.shape
        corners = self.corner[0] if len(set(self.corner)) == 1 else ",".join(self.corner)
        text = f"{channels}, kernel_size=({kh}, {kw}), groups={channels // group_channels}, corner={corners}"
        return text if self.max_amplification is None else f"{text}, max_amplification={self.max_amplification}"

    def _solve(self, y: Tensor) -> Tensor:
        if onnx_ops.is_exported():
            return onnx_ops.inverse_conv2d(y, self.weight, self.corner)
        return functional.inverse_conv2d(y, self.weight, self.corner)

    def logabsdet(self, size: tuple[int, int]) -> Tensor:
        """The log-determinant of ``forward`` on images of this height and width: 0, by construction."""
        geometry.check_size(size, 0)
        return self.weight.new_zeros(())

    def amplification(self, size: tuple[int, int]) -> Amplification:
        """How much the inverse of the convolution can amplify on images of this height and width; see there."""
        return functional.amplification(self.weight, size, self.corner)


def _parametrized(kind: type[_UnitConv2d], *arguments: Any) -> _UnitConv2d:
    """A module of a parametrized class, whose state pickle then sets."""
    module = kind.__new__(kind)
    with torch.device("meta"):  # no memory, and no random numbers
        _UnitConv2d.__init__(module, *arguments)
    return module


class InvertibleConv2d(_UnitConv2d):
    r"""A convolution with an exact inverse: ``forward`` is `conv2d`, ``inverse`` is `inverse_conv2d`.

    Arguments:
        channels: :math:`C`, in and out.
        kernel_size: :math:`k`, or :math:`(k_h, k_w)`.
        corner: Where the zeros stand, or one corner for each of as many channel groups.
        max_amplification: The largest ratio of the inverse to :math:`\max |y|`, whatever the parameters;
            see `BoundedTaps`. None: no bound.
    """

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.corner)

    def inverse(self, y: Tensor) -> Tensor:
        return self._solve(y)


class InverseConv2d(_UnitConv2d):
    r"""The inverse of a convolution as a layer: ``forward`` is `inverse_conv2d`, ``inverse`` is `conv2d`.

    The receptive field of ``forward`` is all of the image on one side of the pixel, and sampling a flow that trains in
    this direction costs one ordinary convolution (Nagar 2025, section 3).

    Arguments:
        channels: :math:`C`, in and out.
        kernel_size: :math:`k`, or :math:`(k_h, k_w)`.
        corner: Where the zeros stand, or one corner for each of as many channel groups.
        max_amplification: The largest ratio of the inverse to :math:`\max |y|`, whatever the parameters;
            see `BoundedTaps`. None: no bound.
    """

    def forward(self, y: Tensor) -> Tensor:
        return self._solve(y)

    def inverse(self, x: Tensor) -> Tensor:
        return functional.conv2d(x, self.weight, self.corner)
