r"""Coupling by rational-quadratic splines."""

from __future__ import annotations

import torch
from torch import Tensor

from nflows_core.bijections.base import Bijection, Shape
from nflows_core.bijections.coupling import halves
from nflows_core.bijections.coupling_network import CouplingNetwork
from nflows_core.bijections.rational_quadratic import check_bins, knots_and_derivatives, root, terms


class SplineCoupling(Bijection):
    r"""Bends each entry of the last channels by a spline that the first ones give (Durkan et al. 2019, section 3.2).

    .. math:: z_1 = x_1, \qquad z_2 = g_{\theta(x_1)}(x_2), \qquad \log |\det J| = \sum \log g_{\theta(x_1)}'(x_2)

    Each :math:`g` is monotone and rational-quadratic with :math:`K` bins on :math:`[-\text{tail}, \text{tail}]`, and
    the identity outside, with a continuous derivative. The coupling starts as the identity. No bin is narrower or lower
    than a thousandth of the range, and no derivative at a knot less than that. The first :math:`\lceil C / 2 \rceil`
    channels condition the others.

    Arguments:
        shape: The event shape :math:`(C, H, W)`, with at least two channels.
        width: Channels of the network's hidden layers.
        context_features: Entries of a context; 0 without one.
        bins: The number of bins, :math:`K`, at least two; the network gives :math:`3 K - 1` numbers for each entry.
        tail: The absolute value from which on it is the identity; by default four standard deviations of what `ActNorm`
            normalized, so that each of eight bins is one standard deviation wide at first.
    """

    def __init__(
        self, shape: Shape, width: int = 64, context_features: int = 0, bins: int = 8, tail: float = 4.0
    ) -> None:
        check_bins("SplineCoupling", bins, tail)
        super().__init__(shape)
        self.kept, changed = halves(shape)
        self.bins, self.tail = bins, tail
        self.network = CouplingNetwork(self.kept, (3 * bins - 1) * changed, width, context_features)

    def _forward(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        x1, x2 = x.tensor_split([self.kept], dim=1)
        z2, log_slope = entry_spline(x2, *self._spline(x1, context))
        return torch.cat([x1, z2], dim=1), log_slope.sum((1, 2, 3))

    def _inverse(self, z: Tensor, context: Tensor | None) -> Tensor:
        z1, z2 = z.tensor_split([self.kept], dim=1)
        return torch.cat([z1, inverse_entry_spline(z2, *self._spline(z1, context))], dim=1)

    def _spline(self, x1: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        # Under autocast the network may give a lower precision than the image has.
        raw = self.network(x1, context).to(x1.dtype)
        parameters = raw.view(x1.shape[0], 3 * self.bins - 1, self.shape[0] - self.kept, *self.shape[1:])
        widths, heights, derivatives = parameters.split([self.bins, self.bins, self.bins - 1], dim=1)
        return knots_and_derivatives(widths, heights, derivatives, self.tail)


def entry_spline(x: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, Tensor]:
    r"""A spline of its own at each entry, the identity outside of the knots.

    Arguments:
        x: The entries, :math:`(B, *)`.
        knots: Places and values of the knots, :math:`(2, B, K + 1, *)`, both increasing along the third dimension and
            with the same ends.
        derivatives: The derivatives at the knots, positive, :math:`(B, K + 1, *)`; one at the ends, for a continuous
            derivative.

    Returns:
        The values of the splines, and :math:`\log dy/dx`, both :math:`(B, *)`.
    """
    inside, clamped = _clamp(x, knots[0])
    x0, width, y0, height, a, b = _at(clamped, knots[0], knots, derivatives)
    t = terms((clamped - x0) / width, a, b)
    log_slope = (t.p * (height / width) / t.d / t.d).log()
    # Zero outside, and NaN for what is not finite.
    return torch.where(inside, torch.addcmul(y0, height, t.r), x), torch.where(inside, log_slope, (x - x).detach())


def inverse_entry_spline(y: Tensor, knots: Tensor, derivatives: Tensor) -> Tensor:
    """The inverse of `entry_spline`."""
    inside, clamped = _clamp(y, knots[1])
    x0, width, y0, height, a, b = _at(clamped, knots[1], knots, derivatives)
    return torch.where(inside, torch.addcmul(x0, width, root((clamped - y0) / height, a, b)), y)


def _clamp(x: Tensor, knots: Tensor) -> tuple[Tensor, Tensor]:
    # What is outside is taken to the nearest knot, where the formula is finite and so are its derivatives.
    first, last = knots[:, 0].detach(), knots[:, -1].detach()
    return (first < x) & (x < last), x.clamp(first, last)


def _at(x: Tensor, starts: Tensor, knots: Tensor, derivatives: Tensor) -> tuple[Tensor, ...]:
    """Start and size of the bin of each entry in both directions, and the derivatives at its ends relative to it."""
    left = (x.unsqueeze(1) >= starts[:, 1:-1]).sum(1, keepdim=True)
    ends = torch.cat([left, left + 1], dim=1)
    (x0, x1), (y0, y1) = (part.gather(1, ends).unbind(1) for part in knots)
    slope = (y1 - y0) / (x1 - x0)
    a, b = (derivatives.gather(1, ends) / slope.unsqueeze(1)).unbind(1)
    return x0, x1 - x0, y0, y1 - y0, a, b
