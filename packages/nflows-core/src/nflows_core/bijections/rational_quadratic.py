r"""The formula of monotone rational-quadratic splines at one entry, its inverse and its derivatives.

Between two knots, with :math:`\xi = (x - x_k) / w`, :math:`\eta = 1 - \xi`, the bin's width :math:`w`, height
:math:`h`, slope :math:`s = h / w`, and the derivatives at its ends relative to it, :math:`a = d_k / s` and
:math:`b = d_{k+1} / s`, the spline of Gregory & Delbourgo (1982), in Durkan et al. (2019) equation 4, is

.. math::
    y = y_k + h r, \qquad \frac{dy}{dx} = s \frac{p}{d^2}, \qquad r = \frac{\xi e}{d}, \qquad
    d = \xi e + \eta f, \quad p = \eta e + \xi f, \quad e = \xi + a \eta, \quad f = \eta + b \xi

In this form every term is positive: nothing cancels, however steep the spline is.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad, softplus

LEAST = 1e-3
"""Least width and height of a bin, relative to the sum of all, and least derivative (Durkan et al. 2019, code)."""


def check_bins(layer: str, bins: int, tail: float) -> None:
    """Refuses what no spline has: `LEAST` leaves room for less than a thousand bins."""
    if not isinstance(bins, int) or not 2 <= bins < 1 / LEAST or not 0 < tail < math.inf:
        raise ValueError(f"{layer}: takes from 2 to 999 bins and a positive tail, got {bins} bins and tail {tail}")


class Terms(NamedTuple):
    """The terms of the formula, each of the shape of the entries."""

    a: Tensor
    b: Tensor
    xi: Tensor
    eta: Tensor
    e: Tensor
    f: Tensor
    d: Tensor
    p: Tensor
    r: Tensor


def terms(xi: Tensor, a: Tensor, b: Tensor) -> Terms:
    r"""The terms at :math:`\xi`, in bins of relative derivatives :math:`a` and :math:`b`; autograd may follow."""
    eta = 1 - xi
    e = torch.addcmul(xi, a, eta)
    f = torch.addcmul(eta, b, xi)
    r = xi * e
    d = torch.addcmul(r, eta, f)
    p = torch.addcmul(eta * e, xi, f)
    return Terms(a, b, xi, eta, e, f, d, p, r / d)


def root(r: Tensor, a: Tensor, b: Tensor) -> Tensor:
    r"""The :math:`\xi` at which the formula gives :math:`r`; autograd may follow.

    With :math:`q = 1 - r`, :math:`g = a q - b r` and :math:`m = |g| / 2 + \sqrt{g^2 / 4 + r q}`, the root of the
    quadratic equation in Durkan et al. (2019), section 3.1, is

    .. math::
        \xi = \frac{r}{r + m} \text{ where } g \ge 0, \qquad \xi = \frac{m}{m + q} \text{ where } g < 0

    Neither denominator cancels: the error is that of rounding :math:`r` and :math:`\xi`.
    """
    q = 1 - r
    g = torch.addcmul(a * q, b, r, value=-1)
    # Exact for the weights zero and one, and on a CPU much faster than a choice by a condition.
    rises = (g.detach() >= 0).to(g.dtype)
    # Not half of abs(): its derivative at zero, where bins start as the identity, is none of the two that are right.
    m = torch.addcmul(torch.addcmul(r * q, g, g, value=0.25).sqrt(), rises - 0.5, g)
    return torch.lerp(m, r, rises) / (m + torch.lerp(q, r, rises))


def knots_and_derivatives(widths: Tensor, heights: Tensor, derivatives: Tensor, tail: float) -> tuple[Tensor, Tensor]:
    r"""The spline on :math:`[-\text{tail}, \text{tail}]` that unconstrained parameters stand for (Durkan et al. 2019,
    section 3.1); zeros stand for the identity.

    Arguments:
        widths: The raw widths, :math:`(N, K, *)`, a softmax of which are the :math:`K` widths.
        heights: The raw heights, :math:`(N, K, *)`, likewise.
        derivatives: The raw derivatives, :math:`(N, K - 1, *)`; the derivatives at the ends are one, as outside.
        tail: The absolute value from which on it is the identity.

    Returns:
        Where the knots are and the values there, :math:`(2, N, K + 1, *)`, and the derivatives, :math:`(N, K + 1, *)`.
    """
    bins, behind = widths.shape[1], widths.ndim - 2
    fractions = torch.stack([widths, heights]).softmax(2).cumsum(2)
    ends = *(0, 0) * behind, 1, 1
    # Each bin has its least part of the range, and its fraction of what remains. The fractions' sum is 1 but for
    # rounding: the last knot is put where it belongs.
    least, rest = 2 * tail * LEAST, 2 * tail * (1 - LEAST * bins)
    start = torch.linspace(-tail, least * bins - tail, bins + 1, dtype=widths.dtype, device=widths.device)
    start[-1] = tail
    knots = torch.add(start.view(-1, *[1] * behind), pad(fractions[:, :, :-1], ends), alpha=rest)
    inner = softplus(derivatives + math.log(math.expm1(1 - LEAST))) + LEAST
    return knots, pad(inner, ends, value=1.0)


def gradients(t: Terms, height: Tensor, grad_y: Tensor, grad_l: Tensor) -> Tensor:
    r"""What the gradients of a bin are made of, at every entry, by those of :math:`y` and of :math:`l = \log dy/dx`.

    With :math:`\lambda = \log p - 2 \log d` and :math:`u = \xi \eta / d`,

    .. math::
        \partial_\xi r = p / d^2, \quad \partial_a r = (1 - r) u, \quad \partial_b r = -r u, \quad
        \partial_\xi \lambda = 2 (f - e) / p - 2 (a + b - 2) (\eta - \xi) / d, \quad
        \partial_a \lambda = \eta^2 / p - 2 u, \quad \partial_b \lambda = \xi^2 / p - 2 u

    Returns:
        :math:`g_\xi`, :math:`g_\xi \xi + g_l`, :math:`g_y h r + g_l`, :math:`g_a`, :math:`g_b`, :math:`g_y`, stacked.
        At constant :math:`a` and :math:`b`, the gradients of :math:`x_k`, :math:`w` and :math:`h` are the first three
        over :math:`-w`, :math:`-w` and :math:`h`.
    """
    result = grad_y.new_empty(6, *grad_y.shape)
    xi, width, height_, a, b, y = result
    grad_r = grad_y * height
    v = grad_l / t.p
    torch.addcmul(grad_l, grad_r, t.r, out=height_)
    k = height_ + grad_l
    u = (t.xi * t.eta).div_(t.d)
    torch.sub(grad_r, k, out=a).mul_(u).addcmul_(v * t.eta, t.eta)
    torch.mul(v, t.xi, out=b).mul_(t.xi).addcmul_(u, k, value=-1)
    grad_d = (t.a + t.b).sub_(2).mul_(t.eta - t.xi).mul_(grad_l)
    torch.mul(grad_r, t.p, out=xi).div_(t.d).sub_(grad_d, alpha=2).div_(t.d).addcmul_(t.f - t.e, v, value=2)
    torch.addcmul(grad_l, xi, t.xi, out=width)
    y.copy_(grad_y)
    return result
