r"""Splines by torch's operations, for tensors that the compiled ones do not take: on a GPU, or while something traces.

A call is many operations on small numbers, so what it costs is how often it goes through memory and how many
operations it starts: all fields of the bins are read by one operation, and derivatives are in closed form.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from nflows_core.bijections.rational_quadratic import Terms, gradients, root, terms

_TAIL = 2.0**20
"""The width of a tail as a bin: so wide that its linear formula does not round, however far out an entry is."""

_X, _PER_WIDTH, _HEIGHT, _A, _B, _Y = range(6)
"""The fields of a bin in the table of all bins, (6, C, K + 2), a tail before and one behind them."""


class TableSpline(Function):
    """Derivatives in closed form: autograd would keep some twenty tensors of the size of ``x`` for them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
        rows, table = _rows(x), _table(knots, derivatives)
        bin_ = _bin(rows, table[_X])
        ctx.save_for_backward(x, table, bin_)
        t, per_width, height, y0 = _terms(rows, table, bin_)
        y = _images(y0.addcmul_(height, t.r), x)
        slope = t.p.mul_(height).mul_(per_width).div_(t.d).div_(t.d)
        return y, _images(slope.log_(), x).sum((1, 2, 3))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, table, bin_ = ctx.saved_tensors
        t, per_width, height, _ = _terms(_rows(x), table, bin_)
        grad_l = grad_logdet.repeat_interleave(x.shape[2:].numel())
        grads = gradients(t, height, _rows(grad_y), grad_l)
        sums = _sums(bin_, grads, table.shape[2])
        return _images(grads[0].mul_(per_width), x), *_table_gradients(sums, table)


class InverseTableSpline(Function):
    r"""The gradients by the inverse function: with :math:`x = f^{-1}(y; \theta)`, that of y is that of x over dy/dx,
    and that of :math:`\theta` is what minus that of y gives through :math:`f(x; \theta)`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
        rows, table = _rows(y), _table(knots, derivatives)
        bin_ = _bin(rows, table[_Y])
        x0, per_width, height, a, b, y0 = _pick(table, bin_)
        xi = root((rows - y0).div_(height), a, b)
        x = _images(x0.addcdiv_(xi, per_width), y)
        ctx.save_for_backward(x, table, bin_)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, table, bin_ = ctx.saved_tensors
        t, per_width, height, _ = _terms(_rows(x), table, bin_)
        grad = (_rows(grad_x) * t.d).mul_(t.d).div_(t.p).div_(height).div_(per_width)
        sums = _sums(bin_, gradients(t, height, -grad, torch.zeros_like(grad)), table.shape[2])
        return _images(grad, x), *_table_gradients(sums, table)


def _table(knots: Tensor, derivatives: Tensor) -> Tensor:
    sizes = pad(knots.diff(), (1, 1), value=_TAIL)
    sizes[:, :, 0] = -_TAIL
    width, height = sizes
    starts_x, starts_y = torch.cat([knots[:, :, :1], knots], 2)
    ends = pad(derivatives.unfold(1, derivatives.shape[1] - 1, 1), (1, 1), value=1.0)
    a, b = (ends / (height / width)[:, None]).unbind(1)
    return torch.stack([starts_x, width.reciprocal(), height, a, b, starts_y])


def _table_gradients(sums: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of the knots and of the derivatives, by what is summed in each bin (see `gradients`)."""
    sums[_PER_WIDTH:_Y, :, :: sums.shape[2] - 1] = 0  # The tails are of constant size and derivative.
    _, per_width, height, a, b, _ = table
    sum_x, sum_width, sum_height, sum_a, sum_b, sum_y = sums
    by_slope = torch.addcmul(sum_a * a, sum_b, b)
    sizes = torch.stack([(by_slope - sum_width) * per_width, (sum_height - by_slope) / height])
    starts = torch.stack([-sum_x * per_width, sum_y])
    knots = (starts - sizes)[:, :, 1:] + sizes[:, :, :-1]
    knots[:, :, 0] += starts[:, :, 0]
    slope = height * per_width
    return knots, (sum_a / slope)[:, 1:] + (sum_b / slope)[:, :-1]


def _terms(x: Tensor, table: Tensor, bin_: Tensor) -> tuple[Terms, Tensor, Tensor, Tensor]:
    x0, per_width, height, a, b, y0 = _pick(table, bin_)
    return terms((x - x0).mul_(per_width), a, b), per_width, height, y0


def _bin(x: Tensor, starts: Tensor) -> Tensor:
    return (x[:, None] >= starts[:, 1:, None]).sum(1).short()


def _pick(table: Tensor, bin_: Tensor) -> Tensor:
    return table.gather(2, bin_.long().expand(len(table), *bin_.shape))


def _sums(bin_: Tensor, values: Tensor, bins: int) -> Tensor:
    """The sums of the values, (6, C, N), in each bin, (6, C, bins), the same at every run: a GPU's scatter_add adds in
    any order."""
    chosen = bin_[..., None] == torch.arange(bins, device=bin_.device)
    return torch.bmm(values.transpose(0, 1), chosen.to(values.dtype)).transpose(0, 1)


def _rows(images: Tensor) -> Tensor:
    return images.transpose(0, 1).reshape(images.shape[1], -1)


def _images(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(like.shape[1], like.shape[0], *like.shape[2:]).transpose(0, 1)
