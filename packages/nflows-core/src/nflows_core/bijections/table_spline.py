r"""Splines by torch's operations, for tensors that the compiled ones do not take: on a GPU, or while a compiler traces.

A call is many operations on small numbers, so what it costs is how often it goes through memory and how many
operations it starts: all fields of the bins are read by one operation, and derivatives are in closed form.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from nflows_core.bijections.rational_quadratic import Terms, gradients, root, terms
from nflows_core.bijections.spline_formula import (
    PER_WIDTH,
    X,
    Y,
    followed_gradients,
    followed_inverse_gradients,
    images,
    is_gradient_followed,
    number_of_bin,
    pick,
    rows,
    table_of_bins,
    within,
)


class TableSpline(Function):
    """Derivatives in closed form: autograd would keep some twenty tensors of the size of ``x`` for them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
        entries, table = rows(x), table_of_bins(knots, derivatives)
        at = within(entries, table[X])
        bin_ = number_of_bin(entries, table[X])
        ctx.save_for_backward(x, knots, derivatives, table, bin_)
        t, x0, per_width, height, y0 = _terms(at, table, bin_)
        y = torch.where(at == entries, torch.addcmul(y0, height, t.r), y0.sub_(x0).add_(entries))
        slope = t.p.mul_(height).mul_(per_width).div_(t.d).div_(t.d)
        return images(y, x), images(slope.log_(), x).sum((1, 2, 3))

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, knots, derivatives, table, bin_ = ctx.saved_tensors
        if is_gradient_followed(grad_y, grad_logdet):
            return followed_gradients(x, knots, derivatives, grad_y, grad_logdet)
        t, _, per_width, height, _ = _terms(within(rows(x), table[X]), table, bin_)
        grad_l = grad_logdet.repeat_interleave(x.shape[2:].numel())
        grads = gradients(t, height, rows(grad_y), grad_l)
        sums = _sums(bin_, grads, table.shape[2])
        return images(grads[0].mul_(per_width), x), *_table_gradients(sums, table)


class InverseTableSpline(Function):
    r"""The gradients by the inverse function: with :math:`x = f^{-1}(y; \theta)`, that of y is that of x over dy/dx,
    and that of :math:`\theta` is what minus that of y gives through :math:`f(x; \theta)`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
        entries, table = rows(y), table_of_bins(knots, derivatives)
        at = within(entries, table[Y])
        bin_ = number_of_bin(entries, table[Y])
        x0, per_width, height, a, b, y0 = pick(table, bin_)
        xi = root((at - y0).div_(height), a, b)
        x = torch.where(at == entries, torch.addcdiv(x0, xi, per_width), x0.sub_(y0).add_(entries))
        x = images(x, y)
        ctx.save_for_backward(x, knots, derivatives, table, bin_)
        return x

    @staticmethod
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, knots, derivatives, table, bin_ = ctx.saved_tensors
        if is_gradient_followed(grad_x):
            return followed_inverse_gradients(x, knots, derivatives, grad_x)
        t, _, per_width, height, _ = _terms(within(rows(x), table[X]), table, bin_)
        grad = (rows(grad_x) * t.d).mul_(t.d).div_(t.p).div_(height).div_(per_width)
        sums = _sums(bin_, gradients(t, height, -grad, torch.zeros_like(grad)), table.shape[2])
        return images(grad, x), *_table_gradients(sums, table)


def _terms(at: Tensor, table: Tensor, bin_: Tensor) -> tuple[Terms, Tensor, Tensor, Tensor, Tensor]:
    x0, per_width, height, a, b, y0 = pick(table, bin_)
    return terms((at - x0).mul_(per_width), a, b), x0, per_width, height, y0


def _table_gradients(sums: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of the knots and of the derivatives, by what is summed in each bin (see `gradients`)."""
    sums[PER_WIDTH:Y, :, :: sums.shape[2] - 1] = 0  # The tails are of constant size and derivative.
    _, per_width, height, a, b, _ = table
    sum_x, sum_width, sum_height, sum_a, sum_b, sum_y = sums
    by_slope = torch.addcmul(sum_a * a, sum_b, b)
    sizes = torch.stack([(by_slope - sum_width) * per_width, (sum_height - by_slope) / height])
    starts = torch.stack([-sum_x * per_width, sum_y])
    knots = (starts - sizes)[:, :, 1:] + sizes[:, :, :-1]
    knots[:, :, 0] += starts[:, :, 0]
    slope = height * per_width
    return knots, (sum_a / slope)[:, 1:] + (sum_b / slope)[:, :-1]


def _sums(bin_: Tensor, values: Tensor, bins: int) -> Tensor:
    """The sums of the values, (6, C, N), in each bin, (6, C, bins), the same at every run: a GPU's scatter_add adds in
    any order."""
    chosen = bin_[..., None] == torch.arange(bins, device=bin_.device)
    with torch.autocast(values.device.type, enabled=False):
        return torch.bmm(values.transpose(0, 1), chosen.to(values.dtype)).transpose(0, 1)
