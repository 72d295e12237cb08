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

from typing import NamedTuple

import torch
from torch import Tensor


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
    p = (eta * e).addcmul_(xi, f)
    return Terms(a, b, xi, eta, e, f, d, p, r / d)


def root(r: Tensor, a: Tensor, b: Tensor) -> Tensor:
    r"""The :math:`\xi` at which the formula gives :math:`r`; autograd may follow.

    With :math:`q = 1 - r`, :math:`g = a q - b r` and :math:`m = |g| / 2 + \sqrt{g^2 / 4 + r q}`, the root of the
    quadratic equation in Durkan et al. (2019), section 3.1, is

    .. math::
        \xi = \frac{r}{r + m} \text{ where } g \ge 0, \qquad \xi = \frac{m}{m + q} \text{ where } g < 0

    Nothing cancels in either.
    """
    q = 1 - r
    g = torch.addcmul(a * q, b, r, value=-1)
    m = torch.addcmul(r * q, g, g, value=0.25).sqrt() + g.abs() / 2
    # Exact for the weights zero and one, and on a CPU much faster than a choice by a condition.
    rises = torch.ge(g.detach(), 0, out=torch.empty_like(g))
    return torch.lerp(m, r, rises) / (m + torch.lerp(q, r, rises))


def gradients(t: Terms, height: Tensor, grad_y: Tensor, grad_l: Tensor) -> Tensor:
    r"""What the gradients of the bins' parameters are made of, at every entry, given those of :math:`y` and of
    :math:`\log dy/dx`.

    With :math:`\lambda = \log p - 2 \log d` and :math:`u = \xi \eta / d`,

    .. math::
        \partial_\xi r = p / d^2, \quad \partial_a r = (1 - r) u, \quad \partial_b r = -r u, \quad
        \partial_\xi \lambda = 2 (f - e) / p - 2 (a + b - 2) (\eta - \xi) / d, \quad
        \partial_a \lambda = \eta^2 / p - 2 u, \quad \partial_b \lambda = \xi^2 / p - 2 u

    Returns:
        :math:`g_\xi`, :math:`g_\xi \xi + g_l`, :math:`g_y h r + g_l`, :math:`g_a`, :math:`g_b` and :math:`g_y`, stacked.
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
