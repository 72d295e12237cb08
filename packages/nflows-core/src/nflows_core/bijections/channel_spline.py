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

from nflows_core.bijections.rational_quadratic import Terms, gradients, root, terms

_ELEMENTS_AT_ONCE = 2**16
"""On a CPU, and for each thread: temporaries of this many elements stay in the cache."""

_SUMS_OF_A_BIN = 4

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
        table, bins = _table(knots, derivatives), []
        y, logdet = torch.empty_like(x), x.new_empty(len(x))
        for part in _parts(x):
            rows = _rows(x[part])
            bins.append(_bin(rows, table[_X]))
            t, per_width, height, y0 = _terms(rows, table, bins[-1])
            y[part] = _images(y0.addcmul_(height, t.r), x[part])
            slope = t.p.mul_(height).mul_(per_width).div_(t.d).div_(t.d)
            logdet[part] = _images(slope.log_(), x[part]).sum((1, 2, 3))
        ctx.save_for_backward(x, table, *bins)
        return y, logdet

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, table, *bins = ctx.saved_tensors
        grad_x, sums = torch.empty_like(x), torch.zeros_like(table)
        for part, bin_ in zip(_parts(x), bins, strict=True):
            t, per_width, height, _ = _terms(_rows(x[part]), table, bin_)
            grad_l = grad_logdet[part].repeat_interleave(math.prod(x.shape[2:]))
            grads = gradients(t, height, _rows(grad_y[part]), grad_l)
            sums += _sums(bin_, grads, table.shape[2])
            grad_x[part] = _images(grads[0].mul_(per_width), x[part])
        return grad_x, *_table_gradients(sums, table)


class _InverseChannelSpline(Function):
    r"""The gradients by the inverse function: with :math:`x = f^{-1}(y; \theta)`, that of y is that of x over dy/dx,
    and that of :math:`\theta` is what minus that of y gives through :math:`f(x; \theta)`."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
        table, bins = _table(knots, derivatives), []
        x = torch.empty_like(y)
        for part in _parts(y):
            rows = _rows(y[part])
            bins.append(_bin(rows, table[_Y]))
            x0, per_width, height, a, b, y0 = _pick(table, bins[-1])
            xi = root((rows - y0).div_(height), a, b)
            x[part] = _images(x0.addcdiv_(xi, per_width), y[part])
        ctx.save_for_backward(x, table, *bins)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, table, *bins = ctx.saved_tensors
        grad_y, sums = torch.empty_like(x), torch.zeros_like(table)
        for part, bin_ in zip(_parts(x), bins, strict=True):
            t, per_width, height, _ = _terms(_rows(x[part]), table, bin_)
            grad = (_rows(grad_x[part]) * t.d).mul_(t.d).div_(t.p).div_(height).div_(per_width)
            sums += _sums(bin_, gradients(t, height, -grad, torch.zeros_like(grad)), table.shape[2])
            grad_y[part] = _images(grad, x[part])
        return grad_y, *_table_gradients(sums, table)


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
    # A comparison that writes floating point, unlike one that writes bool, uses the CPU's vector unit.
    knots = starts[:, 1:, None]
    return torch.ge(x[:, None], knots, out=x.new_empty(*knots.shape[:2], x.shape[1])).sum(1).short()


def _pick(table: Tensor, bin_: Tensor) -> Tensor:
    return table.gather(2, bin_.long().expand(len(table), *bin_.shape))


def _sums(bin_: Tensor, values: Tensor, bins: int) -> Tensor:
    """The sums of the values, (6, C, N), in each bin, (6, C, bins), the same at every run."""
    return (_sums_by_scatter if values.device.type == "cpu" else _sums_by_product)(bin_, values, bins)


def _sums_by_scatter(bin_: Tensor, values: Tensor, bins: int) -> Tensor:
    # Neighbors often share a bin, and would wait for each other's sum: each bin has several sums.
    copies = torch.arange(bin_.shape[1]).remainder_(_SUMS_OF_A_BIN).mul_(bins)
    sums = values.new_zeros(*values.shape[:2], _SUMS_OF_A_BIN * bins)
    sums.scatter_add_(2, (bin_ + copies).expand_as(values), values)
    return sums.view(*values.shape[:2], _SUMS_OF_A_BIN, bins).sum(2)


def _sums_by_product(bin_: Tensor, values: Tensor, bins: int) -> Tensor:
    # A GPU's scatter_add adds in any order.
    chosen = bin_[..., None] == torch.arange(bins, device=bin_.device)
    return torch.bmm(values.transpose(0, 1), chosen.to(values.dtype)).transpose(0, 1)


def _rows(images: Tensor) -> Tensor:
    return images.transpose(0, 1).reshape(images.shape[1], -1)


def _images(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(like.shape[1], like.shape[0], *like.shape[2:]).transpose(0, 1)


def _parts(x: Tensor) -> Iterator[slice]:
    limit = _ELEMENTS_AT_ONCE * torch.get_num_threads() if x.device.type == "cpu" else max(1, x.numel())
    step = max(1, math.ceil(len(x) / max(1, math.ceil(x.numel() / limit))))
    return (slice(start, start + step) for start in range(0, max(1, len(x)), step))
