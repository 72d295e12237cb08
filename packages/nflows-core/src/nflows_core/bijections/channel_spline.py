r"""Monotone rational-quadratic splines, one for each channel, with linear tails.

A call is many operations on small numbers, so what it costs is how often it goes through memory and how many
operations it starts: all fields of the bins are read by one operation, and derivatives are in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from nflows_core.bijections.rational_quadratic import gradients, root, terms

_ELEMENTS_AT_ONCE = 2**15
"""On a CPU, and for each thread: temporaries of this many elements stay in the cache."""

_TAIL = 2.0**20
"""The width of a tail as a bin: so wide that its linear formula does not round, however far out an entry is."""

_X, _PER_WIDTH, _HEIGHT, _A, _B, _Y = range(6)
"""The fields of a bin in the table of all bins, (6, C, K + 2), a tail before and one behind them."""


def channel_spline(x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    r"""The spline through the knots, continued with slope one outside of them.

    Arguments:
        x: Images, :math:`(B, C, H, W)`.
        knots: Where they are, and the values there, :math:`(2, C, K + 1)`, both increasing along the last dimension.
        derivatives: Positive, :math:`(C, K + 1)`; one at the ends, for a continuous derivative.

    Returns:
        The images of the spline, :math:`(B, C, H, W)`, and the sum of :math:`\log dy/dx` over each, :math:`(B,)`.
        Both can be differentiated once.
    """
    return _ChannelSpline.apply(x, knots, derivatives)  # type: ignore[no-any-return]


def inverse_channel_spline(y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
    """The inverse of `channel_spline`; it can be differentiated once."""
    return _InverseChannelSpline.apply(y, knots, derivatives)  # type: ignore[no-any-return]


class _ChannelSpline(Function):
    """Derivatives in closed form: autograd would keep some twenty tensors of the size of ``x`` for them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
        table = _table(knots, derivatives)
        ctx.save_for_backward(x, table)
        y, logdet = torch.empty_like(x), x.new_empty(len(x))
        for part in _parts(x):
            rows = _rows(x[part])
            x0, per_width, height, a, b, y0 = _pick(table, _bin(rows, table[_X]))
            t = terms((rows - x0).mul_(per_width), a, b)
            y[part] = _images(y0.addcmul_(height, t.r), x[part])
            slope = t.p.mul_(height).mul_(per_width).div_(t.d).div_(t.d)
            logdet[part] = _images(slope.log_(), x[part]).sum((1, 2, 3))
        return y, logdet

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, table = ctx.saved_tensors
        grad_x, sums = torch.empty_like(x), torch.zeros_like(table)
        for part in _parts(x):
            rows = _rows(x[part])
            bin_ = _bin(rows, table[_X])
            x0, per_width, height, a, b = _pick(table[:_Y], bin_)
            t = terms((rows - x0).mul_(per_width), a, b)
            grad_l = grad_logdet[part].repeat_interleave(math.prod(x.shape[2:]))
            grads = gradients(t, height, _rows(grad_y[part]), grad_l)
            _add_by_bin(sums, bin_, grads)
            grad_x[part] = _images(grads[0].mul_(per_width), x[part])
        return grad_x, *_table_gradients(sums, table)


class _InverseChannelSpline(Function):
    r"""With :math:`x = f^{-1}(y; \theta)`, the gradient of y is that of x over dy/dx, and that of :math:`\theta` minus
    that of y through :math:`f(x; \theta)`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
        table = _table(knots, derivatives)
        x = torch.empty_like(y)
        for part in _parts(y):
            rows = _rows(y[part])
            x0, per_width, height, a, b, y0 = _pick(table, _bin(rows, table[_Y]))
            xi = root((rows - y0).div_(height), a, b)
            x[part] = _images(x0.addcdiv_(xi, per_width), y[part])
        ctx.save_for_backward(x, table)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, table = ctx.saved_tensors
        grad_y, sums = torch.empty_like(x), torch.zeros_like(table)
        for part in _parts(x):
            rows = _rows(x[part])
            bin_ = _bin(rows, table[_X])
            x0, per_width, height, a, b = _pick(table[:_Y], bin_)
            t = terms((rows - x0).mul_(per_width), a, b)
            grad = (_rows(grad_x[part]) * t.d).mul_(t.d).div_(t.p).div_(height).div_(per_width)
            _add_by_bin(sums, bin_, gradients(t, height, -grad, torch.zeros_like(grad)))
            grad_y[part] = _images(grad, x[part])
        return grad_y, *_table_gradients(sums, table)


def _table(knots: Tensor, derivatives: Tensor) -> Tensor:
    tails = pad(knots.diff(), (1, 1), value=_TAIL)
    tails[:, :, 0] = -_TAIL
    width, height = tails
    starts = torch.cat([knots[:, :, :1], knots], 2)
    a, b = pad(derivatives.unfold(1, derivatives.shape[1] - 1, 1), (1, 1), value=1.0).unbind(1)
    slope = height / width
    return torch.stack([starts[0], 1 / width, height, a / slope, b / slope, starts[1]])


def _table_gradients(sums: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of the knots and of the derivatives: the tails are of constant size and derivative."""
    per_width, height = table[_PER_WIDTH], table[_HEIGHT]
    ends = sums[_A : _B + 1] / (height * per_width)
    by_slope = (sums[_A : _B + 1] * table[_A : _B + 1]).sum(0)
    sizes = torch.stack([(by_slope - sums[_PER_WIDTH]) * per_width, (sums[_HEIGHT] - by_slope) / height])
    sizes[:, :, :: sizes.shape[2] - 1] = 0
    starts = torch.stack([-sums[_X] * per_width, sums[_Y]])
    knots = starts[:, :, 1:] - sizes.diff()
    knots[:, :, 0] += starts[:, :, 0]
    return knots, pad(ends[0, :, 1:-1], (0, 1)) + pad(ends[1, :, 1:-1], (1, 0))


def _bin(x: Tensor, starts: Tensor) -> Tensor:
    # A comparison that writes floating point, unlike one that writes bool, uses the CPU's vector unit.
    knots = starts[:, 1:, None]
    return torch.ge(x[:, None], knots, out=x.new_empty(*knots.shape[:2], x.shape[1])).sum(1).long()


def _pick(table: Tensor, bin_: Tensor) -> Tensor:
    return table.gather(2, bin_.expand(len(table), *bin_.shape))


def _add_by_bin(sums: Tensor, bin_: Tensor, values: Tensor) -> None:
    if values.device.type == "cpu":
        sums.scatter_add_(2, bin_.expand_as(values), values)
    else:
        sums += _sums_by_product(bin_, values, sums.shape[2])


def _sums_by_product(bin_: Tensor, values: Tensor, bins: int) -> Tensor:
    # Unlike a GPU's scatter_add, which adds in any order, a product is the same at every run.
    numbers = torch.arange(bins, device=bin_.device)
    chosen = torch.eq(bin_[..., None], numbers).to(values.dtype)
    return torch.bmm(values.transpose(0, 1), chosen).transpose(0, 1)


def _rows(images: Tensor) -> Tensor:
    return images.transpose(0, 1).reshape(images.shape[1], -1)


def _images(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(like.shape[1], like.shape[0], *like.shape[2:]).transpose(0, 1)


def _parts(x: Tensor) -> Iterator[slice]:
    limit = _ELEMENTS_AT_ONCE * torch.get_num_threads() if x.device.type == "cpu" else max(1, x.numel())
    step = max(1, math.ceil(len(x) / max(1, math.ceil(x.numel() / limit))))
    return (slice(start, start + step) for start in range(0, max(1, len(x)), step))
