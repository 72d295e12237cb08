r"""Monotone rational-quadratic splines, one for each channel, with linear tails.

Between two knots, with :math:`\xi = (x - x_k) / w`, :math:`\eta = 1 - \xi`, the bin's width :math:`w`, height
:math:`h`, slope :math:`s = h / w`, and the derivatives at its ends relative to it, :math:`a = d_k / s` and
:math:`b = d_{k+1} / s`, the spline of Gregory & Delbourgo (1982), in Durkan et al. (2019) equation 4, is

.. math::
    y = y_k + h \frac{\xi e}{\xi e + \eta f}, \qquad
    \frac{dy}{dx} = s \frac{\eta e + \xi f}{(\xi e + \eta f)^2}, \qquad
    e = \xi + a \eta, \quad f = \eta + b \xi

In this form every term is positive: nothing cancels, however steep the spline is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

_ELEMENTS_AT_ONCE = 2**16
"""On a CPU, temporaries of this many elements stay in the cache and in memory that is already mapped."""

_TAIL = 2.0**20
"""The width of a tail as a bin: so wide that its linear formula does not round, however far out an entry is."""


def rational_quadratic(x: Tensor, knots_x: Tensor, knots_y: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    r"""The spline through the knots, continued with slope one outside of them.

    Arguments:
        x: Images, :math:`(B, C, H, W)`.
        knots_x: Increasing along the last dimension, :math:`(C, K + 1)`.
        knots_y: Increasing along the last dimension, :math:`(C, K + 1)`.
        derivatives: Positive, :math:`(C, K + 1)`; one at the ends, for a continuous derivative.

    Returns:
        The images of the spline, :math:`(B, C, H, W)`, and the sum of :math:`\log dy/dx` over each, :math:`(B,)`.
        Both can be differentiated once.
    """
    bins = torch.stack(_bins(knots_x, knots_y, derivatives))
    return _RationalQuadratic.apply(x, bins)  # type: ignore[no-any-return]


def inverse_rational_quadratic(y: Tensor, knots_x: Tensor, knots_y: Tensor, derivatives: Tensor) -> Tensor:
    r"""The inverse of `rational_quadratic`.

    With :math:`r = (y - y_k) / h`, :math:`q = 1 - r` and :math:`g = a q - b r`, the root of the quadratic equation
    in Durkan et al. (2019), section 3.1, is

    .. math::
        \xi = \frac{2 r}{2 r + g + \sqrt{g^2 + 4 r q}} = 1 - \frac{2 q}{2 q - g + \sqrt{g^2 + 4 r q}}

    Where :math:`g < 0` the second form is used: then nothing cancels.
    """
    bins = _bins(knots_x, knots_y, derivatives)
    return torch.cat([_images(_solve(_rows(y[part]), bins), y[part]) for part in _parts(y)])


class _Bins(NamedTuple):
    """The bins of each channel, a tail before and one behind them; each field is :math:`(C, K + 2)`."""

    x: Tensor
    per_width: Tensor
    y: Tensor
    height: Tensor
    a: Tensor
    b: Tensor


class _Terms(NamedTuple):
    """The terms of the formula at each entry, :math:`(C, N)`; ``d`` and ``p`` are its two sums."""

    per_width: Tensor
    height: Tensor
    a: Tensor
    b: Tensor
    xi: Tensor
    eta: Tensor
    e: Tensor
    f: Tensor
    d: Tensor
    p: Tensor


class _RationalQuadratic(Function):
    """Derivatives in closed form: autograd would keep some twenty tensors of the size of ``x`` for them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, bins)
        y, logdet = torch.empty_like(x), x.new_empty(x.shape[0])
        for part in _parts(x):
            rows = _rows(x[part])
            index = _index(_bin(rows, bins[0]), bins[0])
            t = _terms(rows, _Bins(*bins), index)
            r = (t.xi * t.e).div_(t.d)
            y[part] = _images(torch.addcmul(_pick(bins[2], index), t.height, r), x[part])
            slope = t.p.mul_(t.height).mul_(t.per_width).div_(t.d).div_(t.d)
            logdet[part] = _images(slope.log_(), x[part]).sum((1, 2, 3))
        return y, logdet

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_y: Tensor, grad_logdet: Tensor) -> tuple[Tensor, Tensor]:
        x, bins = ctx.saved_tensors
        grad_x, sums = torch.empty_like(x), x.new_zeros(x.shape[1], 7, bins.shape[2])
        for part in _parts(x):
            rows = _rows(x[part])
            bin_ = _bin(rows, bins[0])
            t = _terms(rows, _Bins(*bins), _index(bin_, bins[0]))
            grad_l = grad_logdet[part].repeat_interleave(math.prod(x.shape[2:]))
            grads = _gradients(t, _rows(grad_y[part]), grad_l)
            sums += torch.bmm(torch.stack(grads, 1), _one_hot(bin_, bins.shape[2]).mT)
            grad_x[part] = _images(grads[0].mul_(t.per_width), x[part])
        return grad_x, _bin_gradients(sums, _Bins(*bins))


def _terms(x: Tensor, bins: _Bins, index: Tensor) -> _Terms:
    per_width, height, a, b = (_pick(field, index) for field in (bins.per_width, bins.height, bins.a, bins.b))
    xi = (x - _pick(bins.x, index)).mul_(per_width)
    eta = 1 - xi
    e = torch.addcmul(xi, a, eta)
    f = torch.addcmul(eta, b, xi)
    d = (xi * e).addcmul_(eta, f)
    p = (eta * e).addcmul_(xi, f)
    return _Terms(per_width, height, a, b, xi, eta, e, f, d, p)


def _gradients(t: _Terms, grad_y: Tensor, grad_l: Tensor) -> list[Tensor]:
    r"""What the gradients of the bins are sums of, by the chain rule.

    With :math:`r = \xi e / d`, :math:`\lambda = \log p - 2 \log d` and :math:`u = \xi \eta / d`,

    .. math::
        \partial_\xi r = p / d^2, \quad \partial_a r = (1 - r) u, \quad \partial_b r = -r u, \quad
        \partial_\xi \lambda = 2 (f - e) / p - 2 (a + b - 2) (\eta - \xi) / d, \quad
        \partial_a \lambda = \eta^2 / p - 2 u, \quad \partial_b \lambda = \xi^2 / p - 2 u
    """
    grad_r = grad_y * t.height
    r = (t.xi * t.e).div_(t.d)
    u = (t.xi * t.eta).div_(t.d)
    v = grad_l / t.p
    k = (grad_r * r).add_(grad_l, alpha=2)
    grad_d = (t.a + t.b).sub_(2).mul_(t.eta - t.xi).div_(t.d).mul_(grad_l)
    grad_xi = (t.f - t.e).mul_(v).sub_(grad_d).mul_(2).add_((grad_r * t.p).div_(t.d).div_(t.d))
    grad_a = (v * t.eta).mul_(t.eta).addcmul_(u, grad_r - k)
    grad_b = (v * t.xi).mul_(t.xi).addcmul_(u, k, value=-1)
    return [grad_xi, grad_xi * t.xi, grad_y, grad_y * r, grad_l.expand_as(r), grad_a, grad_b]


def _bin_gradients(sums: Tensor, bins: _Bins) -> Tensor:
    xi, xi_xi, y, y_r, log_slope, a, b = sums.unbind(1)
    per_width = (xi_xi + log_slope) / bins.per_width
    return torch.stack([-xi * bins.per_width, per_width, y, y_r + log_slope / bins.height, a, b])


def _solve(y: Tensor, bins: _Bins) -> Tensor:
    index = _index(_bin(y, bins.y), bins.y)
    x0, per_width, y0, height, a, b = (_pick(field, index) for field in bins)
    r = (y - y0) / height
    q = 1 - r
    g = a * q - b * r
    root = (g.square() + 4 * r * q).sqrt()
    xi = torch.where(g < 0, (root - g) / (root - g + 2 * q), 2 * r / (2 * r + g + root))
    return x0 + xi / per_width


def _bins(knots_x: Tensor, knots_y: Tensor, derivatives: Tensor) -> _Bins:
    width, height = knots_x.diff(), knots_y.diff()
    slope = height / width

    def with_tails(left: Tensor | float, inner: Tensor, right: Tensor | float) -> Tensor:
        return torch.cat([inner.new_ones(len(inner), 1) * left, inner, inner.new_ones(len(inner), 1) * right], 1)

    return _Bins(
        x=with_tails(knots_x[:, :1], knots_x[:, :-1], knots_x[:, -1:]),
        per_width=with_tails(-1 / _TAIL, 1 / width, 1 / _TAIL),
        y=with_tails(knots_y[:, :1], knots_y[:, :-1], knots_y[:, -1:]),
        height=with_tails(-_TAIL, height, _TAIL),
        a=with_tails(1, derivatives[:, :-1] / slope, 1),
        b=with_tails(1, derivatives[:, 1:] / slope, 1),
    )


def _bin(x: Tensor, starts: Tensor) -> Tensor:
    # A comparison that writes floating point, unlike one that writes bool, uses the CPU's vector unit.
    x, starts = x.detach()[:, None], starts.detach()[:, 1:, None]
    return torch.ge(x, starts, out=x.new_empty(len(x), starts.shape[1], x.shape[2])).sum(1)


def _one_hot(bin_: Tensor, bins: int) -> Tensor:
    numbers = torch.arange(bins, dtype=bin_.dtype, device=bin_.device)[:, None]
    return torch.eq(bin_[:, None], numbers, out=bin_.new_empty(len(bin_), bins, bin_.shape[1]))


def _index(bin_: Tensor, field: Tensor) -> Tensor:
    offset = torch.arange(0, field.numel(), field.shape[1], dtype=torch.int32, device=field.device)
    return bin_.int().add_(offset[:, None])


def _pick(field: Tensor, index: Tensor) -> Tensor:
    return field.reshape(-1).index_select(0, index.view(-1)).view_as(index)


def _rows(images: Tensor) -> Tensor:
    return images.transpose(0, 1).flatten(1).contiguous()


def _images(rows: Tensor, like: Tensor) -> Tensor:
    return rows.view(like.shape[1], like.shape[0], *like.shape[2:]).transpose(0, 1)


def _parts(x: Tensor) -> Iterator[slice]:
    step = max(1, _ELEMENTS_AT_ONCE // math.prod(x.shape[1:]) if x.device.type == "cpu" else len(x))
    return (slice(start, start + step) for start in range(0, max(1, len(x)), step))
