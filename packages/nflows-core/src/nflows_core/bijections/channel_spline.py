r"""Monotone rational-quadratic splines, one for each channel, with linear tails."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from invconv import splines
from nflows_core.bijections.table_spline import InverseTableSpline, TableSpline


def channel_spline(x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    r"""The spline through the knots, continued with slope one outside of them.

    Arguments:
        x: Images, :math:`(B, C, H, W)`.
        knots: Places and values of the knots, :math:`(2, C, K + 1)`, both increasing along the last dimension.
        derivatives: The derivatives at the knots, positive, :math:`(C, K + 1)`; one at the ends, for a continuous one.

    Returns:
        The images of the spline, :math:`(B, C, H, W)`, and the sum of :math:`\log dy/dx` over each, :math:`(B,)`.
        Both can be differentiated once.
    """
    function = _Spline if splines.is_compiled_for(x, knots, derivatives) else TableSpline
    return function.apply(x, knots, derivatives)  # type: ignore[no-any-return]


def inverse_channel_spline(y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
    """The inverse of `channel_spline`; it can be differentiated once."""
    function = _InverseSpline if splines.is_compiled_for(y, knots, derivatives) else InverseTableSpline
    return function.apply(y, knots, derivatives)  # type: ignore[no-any-return]


class _Spline(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, knots, derivatives)
        return splines.spline(x, knots, derivatives)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, knots, derivatives = ctx.saved_tensors
        return splines.spline_gradient(x, knots, derivatives, grad_y, grad_logdet)


class _InverseSpline(Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
        x = splines.inverse_spline(y, knots, derivatives)
        ctx.save_for_backward(x, knots, derivatives)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, knots, derivatives = ctx.saved_tensors
        return splines.inverse_spline_gradient(x, knots, derivatives, grad_x)
