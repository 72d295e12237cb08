r"""Monotone rational-quadratic splines, one for each channel, with linear tails."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from invconv import splines
from invconv.torch_internals import is_transformed
from nflows_core.bijections.spline_formula import (
    followed_gradients,
    followed_inverse_gradients,
    followed_inverse_spline,
    followed_spline,
    is_gradient_followed,
)
from nflows_core.bijections.table_spline import InverseTableSpline, TableSpline


def channel_spline(x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    r"""The spline through the knots, continued with slope one outside of them.

    Outside, an entry is moved by what the value at the last knot is off its place: not at all where they are equal, and
    then without rounding, however far out it is.

    Arguments:
        x: Images, :math:`(B, C, H, W)`.
        knots: Places and values of the knots, :math:`(2, C, K + 1)`, both increasing along the last dimension.
        derivatives: The derivatives at the knots, positive, :math:`(C, K + 1)`; one at the ends, for a continuous one.

    Returns:
        The images of the spline, :math:`(B, C, H, W)`, and the sum of :math:`\log dy/dx` over each, :math:`(B,)`.
    """
    if _is_followed():
        return followed_spline(x, knots, derivatives)
    function = _Spline if splines.is_compiled_for(x, knots, derivatives) else TableSpline
    return function.apply(x, knots, derivatives)  # type: ignore[no-any-return]


def inverse_channel_spline(y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
    """The inverse of `channel_spline`."""
    if _is_followed():
        return followed_inverse_spline(y, knots, derivatives)
    function = _InverseSpline if splines.is_compiled_for(y, knots, derivatives) else InverseTableSpline
    return function.apply(y, knots, derivatives)  # type: ignore[no-any-return]


def _is_followed() -> bool:
    # Compilers fuse what autograd makes of operations, while derivatives in closed form are lost to who differentiates
    # an exported graph, or bind it to one batch size.
    return is_transformed() or torch.compiler.is_compiling()


# The compiled gradients are numbers, of which autograd knows nothing. A gradient that is differentiated again, or of
# which `torch.func` makes several, is computed by the formula: not by torch's `once_differentiable`, which notices only
# where the gradient that comes in is differentiated, and is silent about the rest.


class _Spline(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, knots, derivatives)
        return splines.spline(x, knots, derivatives)

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, knots, derivatives = ctx.saved_tensors
        gradient = followed_gradients if is_gradient_followed(grad_y, grad_logdet) else splines.spline_gradient
        return gradient(x, knots, derivatives, grad_y, grad_logdet)


class _InverseSpline(Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
        x = splines.inverse_spline(y, knots, derivatives)
        ctx.save_for_backward(x, knots, derivatives)
        return x

    @staticmethod
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, knots, derivatives = ctx.saved_tensors
        gradient = followed_inverse_gradients if is_gradient_followed(grad_x) else splines.inverse_spline_gradient
        return gradient(x, knots, derivatives, grad_x)
